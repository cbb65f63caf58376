--- A node reports, after every subscription, that it listens and which attempts it is running. It is sent again, on
--- its channel, the jobs assigned to it that it never received.
--- @keys jobs results leases backlog free nodes parked outbox due errors failed
--- @args queue node epoch slots info channel control results_channel unacknowledged_ms foreign_ms clock
--- @list member
--- @needs backlog balance clock commit envelope loss messages node-row now place record results score send waiting

-- All leases of the queue are read: as many as jobs run, at each join only. One that was acknowledged and that the
-- caller does not run is a former incarnation's, which may live: it renews the lease, or lets it end.
-- Answers positions of running attempts that have lost their lease, members to send again, members of a dead process.
local function sort_leases(is_first, is_takeover)
  local running, lost, missed, dead = {}, {}, {}, {}
  for i = first, #ARGV do
    running[ARGV[i]] = i - first
  end
  local all, own_suffix = redis.call("ZRANGE", leases, 0, -1, "WITHSCORES"), " " .. node
  for i = 1, #all, 2 do
    local member = all[i]
    if string.sub(member, -#own_suffix) == own_suffix and string.match(member, "^%S+ %S+ %S+$") then
      local is_acknowledged = tonumber(all[i + 1]) % 1 ~= 0
      if running[member] then
        running[member] = nil
      elseif is_takeover then
        dead[#dead + 1] = { member = member, is_acknowledged = is_acknowledged }
      elseif not is_first and not is_acknowledged then
        missed[#missed + 1] = member
      end
    end
  end
  for _, position in pairs(running) do
    lost[#lost + 1] = position
  end
  return lost, missed, dead
end

local function renew_leases(members)
  local ends, words = score(now + tonumber(unacknowledged_ms)), {}
  for i, member in ipairs(members) do
    words[i * 2 - 1], words[i * 2] = ends, member
  end
  for from = 1, #words, 4000 do
    redis.call("ZADD", leases, "XX", unpack(words, from, math.min(from + 3999, #words)))
  end
end

-- One that is to be cancelled is sent and cancelled, so that its node ends it.
local function send_again(members)
  local ids, envelopes, cancelled = {}, {}, {}
  for i, member in ipairs(members) do
    ids[i] = string.match(member, "^%S+")
  end
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(ids))) do
    local job = record and read_record(ids[i], record)
    if job then
      envelopes[#envelopes + 1] = envelope_of(job)
      if job.phase == "C" then cancelled[#cancelled + 1] = members[i] end
    end
  end
  if #envelopes > 0 then publish(node, envelopes) end
  for _, member in ipairs(cancelled) do
    tell_cancel(member)
  end
end

-- The same deliveries with the same tokens: the node knows what it runs already.
local function send_missed(missed)
  renew_leases(missed)
  for from = 1, #missed, 25 do
    if is_spent(node) then
      ask_for_rest(node)
      return
    end
    send_again({ unpack(missed, from, math.min(from + 24, #missed)) })
  end
end

-- The process that held the node before is gone, and so are its attempts.
local function place_dead(dead)
  local again = {}
  for _, attempt in ipairs(dead) do
    redis.call("ZREM", leases, attempt.member)
    local id = string.match(attempt.member, "^%S+")
    local record = redis.call("HGET", jobs, id)
    local job = record and read_record(id, record)
    if job and survives_loss(job, attempt.is_acknowledged, node) then again[#again + 1] = job end
  end
  place_all(again, true)
end

now = read_clock()
local row = redis.call("HGET", nodes, node)
local present = row and string.match(row, "^%d+") or "0"
if epoch ~= "-" and tonumber(present) > tonumber(epoch) then return { "superseded" } end
redis.call("LREM", free, 0, node) -- a write that is allowed even where memory has run out
local is_first = epoch == "-"
if is_first then epoch = string.format("%.0f", math.max(now, tonumber(present) + 1)) end
redis.call("HSET", nodes, node, epoch .. " " .. slots .. " 1 " .. info)
local listeners = tell_joined(node, epoch)

local is_takeover = is_first and listeners <= 1 and not (row and is_draining(row))
local lost, missed, dead = sort_leases(is_first, is_takeover)
send_missed(missed)
place_dead(dead)
commit()
commit_results()

local open = recount_slots(node)
local own = pop_waiting(node, open)
if #own > 0 then place_at(node, own, true) end
if backlog_length(node) == 0 then
  redis.call("SREM", parked, node)
elseif open == #own then
  tell_waiting(node)
end
pair_up()
return { "joined", epoch, lost, listeners }
