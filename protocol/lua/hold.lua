--- Keeps the deliveries to a node that have not been acknowledged: its process lives, but its event loop is blocked and
--- cannot read them. They stay unacknowledged, since none was started. Leases that end later are left as they are.
---
--- Only for the incarnation of the node that asks: a successor looks after its own deliveries.
--- @keys leases nodes
--- @args node epoch unacknowledged_ms clock
--- @needs clock score

redis.call("ZREM", leases, "-") -- no such member; a first write that is allowed where memory has run out
local row = redis.call("HGET", nodes, node)
if not row or string.match(row, "^%S+") ~= epoch then return 0 end
local ends, own_suffix, words = score(read_clock() + tonumber(unacknowledged_ms)), " " .. node, {}
local all = redis.call("ZRANGE", leases, 0, -1, "WITHSCORES")
for i = 1, #all, 2 do
  local member = all[i]
  local is_own = string.sub(member, -#own_suffix) == own_suffix and string.match(member, "^%S+ %S+ %S+$")
  if is_own and tonumber(all[i + 1]) % 1 == 0 then
    words[#words + 1] = ends
    words[#words + 1] = member
  end
end
for from = 1, #words, 4000 do
  redis.call("ZADD", leases, "XX", "GT", unpack(words, from, math.min(from + 3999, #words)))
end
return #words / 2
