--- How `finish` ends attempts: each is stored, waits for its next attempt, or is given back.
--- @keys jobs results leases errors
--- @args endings
--- @list id token node state delay_ms text, then node mode waiting
--- @needs attempt clock dues end-job errors finish-one now overfull record results

-- How many slots of each node are free now, and the attempts that are not stored.
local freed, returned, retried = {}, {}, {}

local function ending_at(at)
  return {
    id = ARGV[at],
    token = ARGV[at + 1],
    node = ARGV[at + 2],
    state = ARGV[at + 3],
    delay_ms = tonumber(ARGV[at + 4]),
    text = ARGV[at + 5],
  }
end

-- Removes the leases of several attempts, and the marks of their nodes with them.
local function take_leases(count)
  local members, held, nodes_of = {}, {}, {}
  for i = 1, count do
    local at = first + (i - 1) * 6
    members[i] = lease_member(ARGV[at], ARGV[at + 1], ARGV[at + 2])
    if not nodes_of[ARGV[at + 2]] then
      nodes_of[ARGV[at + 2]] = true
      nodes_of[#nodes_of + 1] = ARGV[at + 2]
    end
  end
  for _, node in ipairs(nodes_of) do
    add_marks(members, node)
  end
  local gone, seen = {}, {}
  for i, lease_end in ipairs(redis.call("ZMSCORE", leases, unpack(members))) do
    local is_there = lease_end and not seen[members[i]] or false
    seen[members[i]] = true
    if is_there then gone[#gone + 1] = members[i] end
    if i <= count then
      held[i] = is_there
    elseif is_there then
      overfull[nodes_of[math.ceil((i - count) / 2)]] = true
    end
  end
  if #gone > 0 then redis.call("ZREM", leases, unpack(gone)) end
  return held
end

-- The lease is the fence: only the caller that removes it may end the attempt. Answers whether each was held.
local function remove_leases(count)
  if count > 1 then return take_leases(count) end
  local held = {}
  if count == 1 and not overfull[ARGV[first + 2]] then
    held[1], overfull[ARGV[first + 2]] = take_lease(ARGV[first], ARGV[first + 1], ARGV[first + 2])
  elseif count == 1 then
    held[1] = false -- the short path found so
  end
  return held
end

-- Whether this same outcome was stored before. The token alone does not tell: a job that was ended because its attempt
-- was lost has the token of that attempt.
local function is_known(ending)
  if ending.state == "retry" or ending.state == "refused" then
    local record = redis.call("HGET", jobs, ending.id)
    local job = record and read_record(ending.id, record)
    local is_current = job and token_of(job) == ending.token
    if ending.state == "refused" then return is_current end
    local latest = string.match(redis.call("HGET", errors, ending.id) or "", "^[^\n]*")
    return is_current and string.find(latest, '"error":' .. ending.text .. "}", 1, true)
  end
  local state, token, text =
    string.match(redis.call("HGET", results, ending.id) or "", "^(%S+) %S+ (%S+) %S+\n(.*)$")
  return state == ending.state and token == ending.token and text == ending.text
end

-- Answers the verdicts, one letter an attempt, and the outbox entry or `-`.
local function end_attempts()
  if ended_entry then
    freed[ARGV[first + 2]] = 1
    return "s", ended_entry
  end
  local verdicts, held = {}, remove_leases(tonumber(endings))
  for i = 1, #held do
    local at = first + (i - 1) * 6
    local node, state = ARGV[at + 2], ARGV[at + 3]
    if not held[i] then
      verdicts[i] = is_known(ending_at(at)) and "r" or "f"
    else
      verdicts[i] = "s"
      freed[node] = (freed[node] or 0) + 1
      if state == "released" or state == "refused" then
        returned[#returned + 1] = ending_at(at)
      elseif state == "retry" then
        retried[#retried + 1] = ending_at(at)
      else
        add_result(ARGV[at], state, ARGV[at + 1], node, ARGV[at + 5])
      end
    end
  end
  local entry = commit_results()
  if entry then now = stamp_ms(entry) end
  return table.concat(verdicts), entry or "-"
end

-- A failed attempt that leaves others: the job waits for its time, unless it was cancelled meanwhile.
local function delay_retried()
  if #retried > 0 then ensure_now() end
  for _, ending in ipairs(retried) do
    local record = redis.call("HGET", jobs, ending.id)
    local job = record and read_record(ending.id, record)
    if job then
      job.attempts_used = job.attempts_used + 1
      remember_error(job.id, job.attempts_used, ending.node, ending.text)
      if job.phase == "C" then
        end_cancelled(job, "cancelled while it ran")
      else
        delay(job, now + ending.delay_ms)
      end
    end
  end
end
