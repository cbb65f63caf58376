--- The short path of `finish` for attempts that ended for good, on nodes that the caller owns: most calls hold no others.
--- Most functions of the general path are not made for it. What it cannot do it leaves to that path.
--- @needs finish-endings finish-slots leases records

local verdicts, entry = end_attempts()
local is_filled = #retried == 0 and #returned == 0
if is_filled then
  fill_slots()
  commit_records()
  commit_leases()
  if not next(orphaned) then return { verdicts, envelopes, still_waiting, entry } end
end
