--- Leases to take, gathered and written once. The caller sets `now` first.
--- @needs now score attempt records lease-watch

local new_leases, lease_ends = {}, {}

local function add_lease(member, ms)
  local ends = lease_ends[ms]
  if not ends then
    ends = score(now + ms)
    lease_ends[ms] = ends
  end
  local count = #new_leases
  new_leases[count + 1] = ends
  new_leases[count + 2] = member
end

local function lease(job, node, ms)
  job.phase, job.node, job.deliveries = "R", node, job.deliveries + 1
  add_lease(member_of(job), ms)
  save(job)
end

-- Takes back the leases taken last, for jobs that could not be sent.
local function unlease(list)
  for _, job in ipairs(list) do
    job.deliveries = job.deliveries - 1
    for _ = 1, 2 do
      table.remove(new_leases)
      table.remove(new_records)
    end
  end
end

local function commit_leases()
  write_leases(now, new_leases)
  new_leases = {}
end
