--- Accepts jobs: stores each and sends it to a free slot, or lets it wait. Repeat-safe: an id that is already known
--- changes nothing and is answered with what is stored.
---
--- SET (of a deduplication key) or XADD comes before any other write: where Redis is out of memory it refuses the first
--- write of a script and lets the others pass, so nothing is left half done. XADD's id serves as time, token and index.
--- @keys jobs results leases backlog free nodes parked index due
--- @args queue channel control unacknowledged_ms foreign_ms clock dedupe_base
--- @list id target name at deadline dedupe body
--- @early dispatch-one
--- @needs clock commit dedupe dispatch-one dispatch-plain dues node-row now place record records waiting

local function read_job(i, id)
  local at = first + (i - 1) * 7
  return {
    id = id,
    target = ARGV[at + 1],
    name = ARGV[at + 2],
    at = ARGV[at + 3],
    deadline = ARGV[at + 4],
    dedupe = ARGV[at + 5],
    body = ARGV[at + 6],
    phase = "Q",
    node = "-",
    deliveries = 0,
    attempts_used = 0,
    place = i,
  }
end

-- A time, or `+` and milliseconds from now.
local function to_ms(text)
  local relative = string.match(text, "^%+(%d+)$")
  return relative and now + tonumber(relative) or tonumber(text)
end

-- Writes new jobs down and places those that may start now.
local function accept(fresh)
  now = stamp_ms(accepted)
  if silent_node then disconnect(silent_node) end
  local ready = {}
  for _, job in ipairs(fresh) do
    job.accepted = accepted
    if job.deadline ~= "-" then job.deadline = string.format("%.0f", to_ms(job.deadline)) end
    -- A deadline that comes before the start, or has passed, is when the job is due.
    local starts_ms = job.at ~= "-" and to_ms(job.at) or now
    local ends_ms = tonumber(job.deadline) or math.huge
    if starts_ms > now or ends_ms <= now then
      delay(job, math.min(starts_ms, ends_ms))
    else
      ready[#ready + 1] = job
    end
  end
  place_all(ready, false)
end

-- Saves a stored job that took over the content of others.
local function save_holder(holder)
  holder.is_changed = false
  ensure_now()
  if holder.new_deadline then holder.deadline = string.format("%.0f", to_ms(holder.new_deadline)) end
  local ends_ms = tonumber(holder.deadline) or math.huge
  if holder.new_at then
    unqueue(holder)
    delay(holder, math.min(to_ms(holder.new_at), ends_ms))
  else
    save(holder)
    if holder.new_deadline then set_due(holder.id, ends_ms) end
  end
end

-- Answers a job's phase or state, and its node.
local function where_is(job)
  local ended = redis.call("HGET", results, job.id)
  if not ended then return job.phase, job.node end
  return string.match(ended, "^%S+"), string.match(ended, "^%S+ %S+ %S+ (%S+)")
end

local function reply_for(job)
  local holder, other = job.held_by, job.same_as
  if not holder and not other then return job.phase .. " " .. job.node end
  local phase, node = where_is(holder or other)
  if holder then return { job.verdict, phase, node == "-" and holder.target or node, holder.id } end
  if other.name == job.name and other.target == job.target and other.body == job.body then
    return { "known", phase, node }
  end
  return { "known", phase, node, other.name, other.target, other.body }
end

local ids, replies = {}, {}
for at = first, #ARGV, 7 do
  ids[#ids + 1] = ARGV[at]
end
local stored = redis.call("HMGET", jobs, unpack(ids))
if not accepted and are_plain(stored) then
  accepted = redis.call("XADD", index, clock, "jobs", table.concat(ids, " "))
  now = stamp_ms(accepted)
  local is_done = dispatch_plain(replies)
  commit()
  if is_done then return replies end
end

local sent, known, fresh, fresh_ids = {}, {}, {}, {}
for i, id in ipairs(ids) do
  if not replies[i] then
    local job = read_job(i, id)
    sent[#sent + 1] = job
    job.same_as = known[id] or (stored[i] and read_record(id, stored[i]))
    if not job.same_as and job.dedupe ~= "-" then deduplicate(job, known) end
    if not job.same_as and not job.held_by then
      known[id] = job
      fresh[#fresh + 1] = job
      fresh_ids[#fresh_ids + 1] = id
    end
  end
end
if #fresh > 0 then
  accepted = accepted or redis.call("XADD", index, clock, "jobs", table.concat(fresh_ids, " "))
  accept(fresh)
end
for _, job in ipairs(sent) do
  if job.held_by and job.held_by.is_changed then save_holder(job.held_by) end
end
commit()
for _, job in ipairs(sent) do
  replies[job.place] = reply_for(job)
end
return replies
