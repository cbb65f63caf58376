--- A node reports, after every subscription, that it listens and which attempts it is running. It is sent again, on
--- its channel, the jobs assigned to it that it never received.
--- @keys jobs results leases backlog free nodes parked outbox due errors failed
--- @args queue node epoch slots info channel control results_channel unacknowledged_ms foreign_ms clock
--- @list member
--- @needs backlog balance clock commit envelope loss messages node-row now place record results score send

-- All leases of the queue are read: as many as jobs run, at each join only. One that was acknowledged and that the
-- caller does not run is a former incarnation's, which may live: it renews the lease, or lets it end. One that was not is
-- sent again as far as there are slots: what a foreign listener was sent while the node was gone can be any number.
-- Answers positions of running attempts that have lost their lease, members to send again, leases to take back.
local function sort_leases(is_mine, is_takeover)
  local running, lost, missed, back, room = {}, {}, {}, {}, tonumber(slots)
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
        room = room - 1
      elseif is_takeover then
        back[#back + 1] = { member = member, is_acknowledged = is_acknowledged }
      elseif is_mine and not is_acknowledged then
        missed[#missed + 1] = member
      else
        room = room - 1
      end
    end
  end
  for i = math.max(0, room) + 1, #missed do
    back[#back + 1], missed[i] = { member = missed[i], is_acknowledged = false }, nil
  end
  for _, position in pairs(running) do
    lost[#lost + 1] = position
  end
  return lost, missed, back
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

-- The process that held the node before is gone, and so are its attempts; or there are more than slots.
local function place_again(back)
  local again = {}
  for _, attempt in ipairs(back) do
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
local lost, missed, back = sort_leases(not is_first or not row, is_takeover)
send_missed(missed)
place_again(back)
commit()
commit_results()

local open = recount_slots(node)
if open > 0 then
  fill_own(node, open)
elseif backlog_length(node) > 0 then
  tell_waiting(node)
end
pair_up()
return { "joined", epoch, lost, listeners }
