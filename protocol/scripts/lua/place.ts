/**
 * Lua: gives jobs to nodes with free slots, the rest to a backlog.
 *
 * Invariants, true whenever no script runs:
 * - a connected node's entries in `free` + its leases = its slots;
 * - `free` is empty or `backlog` is empty.
 *
 * Records and leases are gathered and written once by `commit`, so that a thousand jobs cost two
 * commands. The caller sets `now` first.
 */
export const placeLua = `
local now = 0
local message_bytes, burst_bytes = 524288, 12582912
local new_records, new_leases, new_dues, soonest = {}, {}, {}, nil

local function call_in_chunks(command, key, words)
  for from = 1, #words, 4000 do
    redis.call(command, key, unpack(words, from, math.min(from + 3999, #words)))
  end
end

local function commit()
  call_in_chunks("HSET", jobs, new_records)
  write_leases(now, new_leases)
  call_in_chunks("ZADD", due, new_dues)
  if soonest then
    redis.call("PUBLISH", control, '{"v":1,"queue":"' .. queue .. '","dueInMs":' ..
      string.format("%.0f", math.max(0, soonest - now)) .. "}")
  end
  new_records, new_leases, new_dues, soonest = {}, {}, {}, nil
end

local function save(job)
  new_records[#new_records + 1] = job.id
  new_records[#new_records + 1] = write_record(job)
end

-- The job's next moment: when it may start, or when it is too late to. Subscribers set their timers
-- by the message.
local function wake_at(job, moment)
  new_dues[#new_dues + 1] = score(moment)
  new_dues[#new_dues + 1] = job.id
  if not soonest or moment < soonest then soonest = moment end
end

-- Takes a job that waits no more out of its backlog, which would else grow with dead ids for as long as
-- nobody serves it.
local function unqueue(job)
  if job.phase ~= "Q" then return end
  redis.call("LREM", job.target == "-" and backlog or backlog .. ":" .. job.target, 1, job.id)
end

-- Keeps the job until its moment has come.
local function delay(job, moment)
  job.phase, job.node = "D", "-"
  save(job)
  wake_at(job, moment)
end

local lease_ends = {}
local function lease(job, node, ms)
  job.phase, job.node, job.deliveries = "R", node, job.deliveries + 1
  lease_ends[ms] = lease_ends[ms] or score(now + ms)
  new_leases[#new_leases + 1] = lease_ends[ms]
  new_leases[#new_leases + 1] = member_of(job)
  save(job)
end

-- Takes back the leases taken last, for jobs that nobody heard of.
local function unlease(list)
  for _, job in ipairs(list) do
    job.deliveries = job.deliveries - 1
    for _ = 1, 2 do
      table.remove(new_leases)
      table.remove(new_records)
    end
  end
end

-- One message is one envelope or an array of them, near 512 KiB. Redis cuts off a subscriber that falls
-- 32 MB behind, and what it then joined for would cut it off again: so one script sends a node about
-- 12 MiB, more than one request can hold, and asks it to join again for the rest, which is leased to it. It
-- reads that last of all.
local sent_bytes, asked = {}, {}
local function is_spent(node)
  return (sent_bytes[node] or 0) > burst_bytes
end

local function ask_again(node)
  asked[node] = asked[node] or
    redis.call("PUBLISH", channel .. node, '{"v":1,"queue":"' .. queue .. '","rejoin":true}')
  return asked[node]
end

local function publish(node, envelopes)
  local from, bytes = 1, 0
  for i = 1, #envelopes do
    bytes = bytes + #envelopes[i]
    if i == #envelopes or bytes + #envelopes[i + 1] > message_bytes then
      if is_spent(node) then return ask_again(node) end
      local message = from == i and envelopes[i] or "[" .. table.concat(envelopes, ",", from, i) .. "]"
      if redis.call("PUBLISH", channel .. node, message) == 0 then return 0 end
      sent_bytes[node] = (sent_bytes[node] or 0) + bytes
      from, bytes = i + 1, 0
    end
  end
  return 1
end

-- Nobody listens on the node's channel, or nothing is heard of it: no job for it until it joins again.
local function lose(node)
  redis.call("LREM", free, 0, node)
  local seat = redis.call("HGET", nodes, node)
  if seat then redis.call("HSET", nodes, node, (string.gsub(seat, "^(%S+ %S+) %d", "%1 0"))) end
end

-- Sends jobs to a node whose slots are already taken out of free. False: nobody listens.
local function hand(node, list)
  local envelopes = {}
  for i, job in ipairs(list) do
    lease(job, node, unheard_ms)
    envelopes[i] = envelope_of(job)
  end
  if publish(node, envelopes) > 0 then return true end
  unlease(list)
  lose(node)
  return false
end

local function wait_in(key, list, front)
  if #list == 0 then return end
  local ids = {}
  for i, job in ipairs(list) do
    job.phase = "Q"
    job.node = "-"
    ids[front and #list - i + 1 or i] = job.id
    save(job)
    if job.deadline ~= "-" and job.attempts == 0 then wake_at(job, tonumber(job.deadline)) end
  end
  call_in_chunks(front and "LPUSH" or "RPUSH", key, ids)
end

-- Jobs for any node. What finds no slot waits, at the front if it waited before.
local function place(list, front)
  while #list > 0 do
    local slots = redis.call("LPOP", free, #list)
    if not slots then break end
    local order, groups, failed_nodes = {}, {}, {}
    for i, job in ipairs(list) do
      local node = slots[i]
      if node and not groups[node] then
        groups[node] = {}
        order[#order + 1] = node
      end
      if node then table.insert(groups[node], job) end
    end
    local has_failed = false
    for _, node in ipairs(order) do
      if not hand(node, groups[node]) then failed_nodes[node], has_failed = true, true end
    end
    local rest = {}
    for i, job in ipairs(list) do
      if not slots[i] or failed_nodes[slots[i]] then rest[#rest + 1] = job end
    end
    list = rest
    if not has_failed then break end
  end
  wait_in(backlog, list, front)
end

-- A node that never joined may still listen: a program that speaks only the original's wire
-- format. It is sent one job a message, a bare id where an echo job, which is what bare ids stand for,
-- carries nothing else; what is too much
-- at once waits for the tick.
local function hand_to_stranger(node, list)
  local waiting = {}
  for i, job in ipairs(list) do
    lease(job, node, foreign_ms)
    local message = envelope_of(job)
    if job.name == "echo" and job.body == "}" and queue == "default" then message = job.id end
    if #waiting > 0 or is_spent(node) or redis.call("PUBLISH", channel .. node, message) == 0 then
      unlease({ job })
      waiting[#waiting + 1] = job
    else
      sent_bytes[node] = (sent_bytes[node] or 0) + #message
    end
  end
  return waiting
end

-- Jobs for one node only.
local function place_at(node, list, front)
  local slots = redis.call("LREM", free, #list, node)
  local taken, waiting = {}, {}
  for i, job in ipairs(list) do
    local side = i <= slots and taken or waiting
    side[#side + 1] = job
  end
  if slots > 0 and not hand(node, taken) then waiting = list end
  if #waiting == 0 then return end
  local seat = redis.call("HGET", nodes, node)
  if not seat then
    waiting = hand_to_stranger(node, waiting)
  elseif string.match(seat, "^%S+ %S+ 1") then
    redis.call("PUBLISH", channel .. node, '{"v":1,"queue":"' .. queue .. '","waiting":true}')
  end
  if #waiting > 0 then
    wait_in(backlog .. ":" .. node, waiting, front)
    redis.call("SADD", parked, node)
  end
end

-- Splits by target and places everything.
local function place_all(list, front)
  local anywhere, targets, named = {}, {}, {}
  for _, job in ipairs(list) do
    if job.target == "-" then
      anywhere[#anywhere + 1] = job
    else
      if not named[job.target] then
        named[job.target] = {}
        targets[#targets + 1] = job.target
      end
      table.insert(named[job.target], job)
    end
  end
  for _, node in ipairs(targets) do place_at(node, named[node], front) end
  place(anywhere, front)
end

-- Puts right how many entries in free a node has: its slots less its leases. Reads all leases of the
-- queue, so it is for joins and take-overs only. Call after commit.
local function reseat(node)
  redis.call("LREM", free, 0, node)
  local slots = string.match(redis.call("HGET", nodes, node) or "", "^%S+ (%d+) 1")
  local open, mine, entries = tonumber(slots or 0), " " .. node, {}
  for _, member in ipairs(redis.call("ZRANGE", leases, 0, -1)) do
    if string.sub(member, -#mine) == mine then open = open - 1 end
  end
  for i = 1, open do entries[i] = node end
  call_in_chunks("RPUSH", free, entries)
  return math.max(0, open)
end

-- A job taken out of a backlog, if it still waits. One that waits too long is due, and ended there.
local function read_waiting(id, record)
  local job = record and read_record(id, record)
  if job and job.deadline ~= "-" and now == 0 then now = read_clock() end
  return job and job.phase == "Q" and not is_too_late(job, now) and job or nil
end

-- Takes up to n jobs that still wait out of a backlog.
local function pop_waiting(key, n)
  local list = {}
  while #list < n do
    local asked = math.min(n - #list, 1000)
    local ids = redis.call("LPOP", key, asked)
    if not ids then break end
    local records = redis.call("HMGET", jobs, unpack(ids))
    for i, id in ipairs(ids) do list[#list + 1] = read_waiting(id, records[i]) end
    if #ids < asked then break end
  end
  return list
end

-- Keeps the invariant: gives what waits to what is free.
local function pair_up()
  commit()
  local length = redis.call("LLEN", free)
  if length > 0 then place(pop_waiting(backlog, length), true) end
  commit()
end
`;
