--- How an attempt is named: its token says which delivery of the job it is, its member of `leases` which attempt.
--- @needs record

-- The token of the job's current delivery. Never the same twice: no two jobs with one id share a stamp.
local function token_of(job)
  return job.accepted .. "." .. (digits[job.deliveries] or job.deliveries)
end

local function lease_member(id, token, node)
  return id .. " " .. token .. " " .. node
end

local function member_of(job)
  return lease_member(job.id, token_of(job), job.node)
end

-- Whether the job should have been started by then and never was.
local function is_too_late(job, ms)
  return job.deadline ~= "-" and job.attempts_used == 0 and tonumber(job.deadline) <= ms
end
