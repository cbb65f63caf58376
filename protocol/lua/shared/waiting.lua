--- Takes waiting jobs out of a backlog. One that is gone, runs or is too late is passed over; the latter is due, and
--- ended there.
--- @keys jobs
--- @needs now record attempt backlog

local function read_waiting(id, text)
  local job = text and read_record(id, text)
  if job and job.deadline ~= "-" then ensure_now() end
  return job and job.phase == "Q" and not is_too_late(job, now) and job or nil
end

-- Pops until `wanted` jobs were of use, as `use(id, record text or false)` says, or none is left. Answers how many were.
local function pop_each(target, wanted, use)
  local used = 0
  while used < wanted do
    local asked = math.min(wanted - used, 1000)
    local ids = backlog_pop(target, asked)
    if not ids then break end
    for i, text in ipairs(redis.call("HMGET", jobs, unpack(ids))) do
      if use(ids[i], text) then used = used + 1 end
    end
    if #ids < asked then break end
  end
  return used
end

local function pop_waiting(target, wanted)
  local list = {}
  pop_each(target, wanted, function(id, text)
    local job = read_waiting(id, text)
    list[#list + 1] = job
    return job
  end)
  return list
end

-- Takes a job that no longer waits out of its backlog. Its id would stay there for as long as no node serves the queue.
local function unqueue(job)
  if job.phase == "Q" then backlog_remove(job.target, job.id) end
end
