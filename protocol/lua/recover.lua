--- Sends jobs whose lease has ended to other nodes, at most `limit`. An attempt that was acknowledged counts against the
--- job's attempts; any other does not. A node that let a lease end is dead, cut off or stuck: it gets no more jobs
--- until it joins again, which the `rejoin` message asks it to do in case it lives.
--- @keys jobs results leases backlog free nodes parked outbox due errors failed
--- @args queue channel control results_channel unacknowledged_ms foreign_ms clock limit
--- @early recover-none
--- @needs commit loss messages node-row now overfull place record results score

local function disconnect_once(node, seen)
  if seen[node] ~= "yet" then return end
  seen[node] = "done"
  if redis.call("HEXISTS", nodes, node) == 1 then
    disconnect(node)
    ask_to_rejoin(node)
  end
end

local over = redis.call("ZRANGEBYSCORE", leases, "-inf", score(now), "WITHSCORES", "LIMIT", 0, limit)
local ids, members, ends, again, ended, seen = {}, {}, {}, {}, 0, {}
for i = 1, #over, 2 do
  local id = string.match(over[i], "^(%S+) %S+ %S+$")
  if id then
    members[#members + 1], ends[#ends + 1], ids[#ids + 1] = over[i], tonumber(over[i + 1]), id
    seen[string.match(over[i], "(%S+)$")] = "yet"
  else
    redis.call("ZREM", leases, over[i]) -- the watch, or what is no lease
  end
end
if #ids > 0 then
  local removed = { unpack(members) }
  for node in pairs(seen) do
    add_marks(removed, node)
  end
  redis.call("ZREM", leases, unpack(removed))
  local records = redis.call("HMGET", jobs, unpack(ids))
  for i, id in ipairs(ids) do
    local node = string.match(members[i], "(%S+)$")
    disconnect_once(node, seen)
    local job = records[i] and read_record(id, records[i])
    if job and survives_loss(job, ends[i] % 1 ~= 0, node) then
      again[#again + 1] = job
    elseif job then
      ended = ended + 1
    end
  end
  place_all(again, true)
  commit()
  commit_results()
end
local following = redis.call("ZRANGE", leases, 0, 0, "WITHSCORES")
if not following[2] then return { #again, ended, -1 } end
redis.call("ZADD", leases, "NX", following[2], "watch") -- the watch goes on until nothing is leased
return { #again, ended, math.max(0, math.ceil(tonumber(following[2]) - now)) }
