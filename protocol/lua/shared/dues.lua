--- What is due later: jobs by their ids, schedules as `/<id>`, ended schedules to be deleted as `!<id>`. Gathered and
--- written once; subscribers are told of the soonest and set their timers by it. The caller sets `now` first.
--- @keys due
--- @needs now score chunks records messages

local new_dues, soonest = {}, nil

-- Subscribers are not told: for what can wait until they check anyway.
local function add_due(member, ms)
  new_dues[#new_dues + 1] = score(ms)
  new_dues[#new_dues + 1] = member
end

local function set_due(member, ms)
  add_due(member, ms)
  if not soonest or ms < soonest then soonest = ms end
end

-- Keeps the job until then.
local function delay(job, ms)
  job.phase, job.node = "D", "-"
  save(job)
  set_due(job.id, ms)
end

local function commit_dues()
  call_in_chunks("ZADD", due, new_dues)
  if soonest then tell_due(math.max(0, soonest - now)) end
  new_dues, soonest = {}, nil
end

-- Until the next due item, in milliseconds; -1 if there is none.
local function wait_for_due()
  local following = redis.call("ZRANGE", due, 0, 0, "WITHSCORES")
  return following[2] and math.max(0, math.ceil(tonumber(following[2]) - now)) or -1
end
