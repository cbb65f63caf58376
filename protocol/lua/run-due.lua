--- Does what is due: places delayed jobs and retries, and ends jobs that were not started in time. At most `limit` due
--- items; each is taken out as it is handled. Schedules that are due, at most `max_schedules`, are answered and stay
--- due: their times are worked out by the caller, which then calls `apply-steps`.
--- @keys jobs results leases backlog free nodes parked outbox due failed schedules schedule_ids history
--- @args queue channel control results_channel unacknowledged_ms foreign_ms clock limit max_schedules
--- @early run-due-none
--- @needs attempt commit dues end-job now place record results schedule-record score

-- Answers ids of jobs, of schedules and of ended schedules among the members.
local function sort_due(members)
  local job_ids, due_ids, ended_ids = {}, {}, {}
  for _, member in ipairs(members) do
    local mark = string.sub(member, 1, 1)
    if mark == "!" then
      ended_ids[#ended_ids + 1] = string.sub(member, 2)
    elseif mark ~= "/" then
      job_ids[#job_ids + 1] = member
    elseif #due_ids < tonumber(max_schedules) then
      due_ids[#due_ids + 1] = string.sub(member, 2)
    end
  end
  return job_ids, due_ids, ended_ids
end

-- Answers how many were placed and how many expired.
local function run_jobs(ids)
  if #ids == 0 then return 0, 0 end
  local ready, expired = {}, 0
  redis.call("ZREM", due, unpack(ids))
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(ids))) do
    local job = record and read_record(ids[i], record)
    if job and (job.phase == "D" or job.phase == "Q") and is_too_late(job, now) then
      end_expired(job)
      expired = expired + 1
    elseif job and job.phase == "D" then
      ready[#ready + 1] = job
    end
  end
  place_all(ready, false)
  commit()
  commit_results()
  return #ready, expired
end

local function find_schedules(ids)
  local found = {}
  if #ids == 0 then return found end
  for i, text in ipairs(redis.call("HMGET", schedules, unpack(ids))) do
    if text then
      found[#found + 1] = { ids[i], clockwork_of(text) }
    else
      redis.call("ZREM", due, "/" .. ids[i])
    end
  end
  return found
end

local function delete_ended(ids)
  if #ids == 0 then return end
  local gone, marks = {}, {}
  for i, text in ipairs(redis.call("HMGET", schedules, unpack(ids))) do
    marks[i] = "!" .. ids[i]
    if text and string.sub(text, 1, 1) == "E" then gone[#gone + 1] = ids[i] end
  end
  redis.call("ZREM", due, unpack(marks))
  if #gone > 0 then
    redis.call("HDEL", schedules, unpack(gone))
    redis.call("ZREM", schedule_ids, unpack(gone))
    redis.call("HDEL", history, unpack(gone))
  end
end

local job_ids, due_ids, ended_ids =
  sort_due(redis.call("ZRANGEBYSCORE", due, "-inf", score(now), "LIMIT", 0, limit))
local placed, expired = run_jobs(job_ids)
local found = find_schedules(due_ids)
delete_ended(ended_ids)
return { placed, expired, wait_for_due(), string.format("%.0f", now), found }
