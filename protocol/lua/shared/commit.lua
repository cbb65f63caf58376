--- Writes what was gathered: records, leases, due items.
--- @needs records leases dues

local function commit()
  commit_records()
  commit_leases()
  commit_dues()
end
