--- Takes leases, and makes sure that they are checked when they end. Only its node is told of a lease, and that node
--- may be dead. So `leases` has a member `watch`, whose score says when all subscribers are to check; if it is missing
--- they are told. The same ZADD adds it, and its answer counts it: only the first lease after a rest costs a message.
--- @keys leases
--- @args unacknowledged_ms
--- @needs score messages

-- `words` are score, member, score, member …
local function write_leases(from_ms, words)
  local count, added = #words / 2, 0
  if count == 0 then return end
  words[#words + 1] = score(from_ms + unacknowledged_ms)
  words[#words + 1] = "watch"
  for from = 1, #words, 4000 do
    added = added + redis.call("ZADD", leases, "NX", unpack(words, from, math.min(from + 3999, #words)))
  end
  if added > count then tell_lease(unacknowledged_ms) end
end
