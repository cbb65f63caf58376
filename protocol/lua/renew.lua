--- Extends the leases of all running attempts of a subscriber, and says which are lost.
---
--- A renewed lease ends on half a millisecond: that marks the attempt as acknowledged, so that its expiry counts
--- against the job's attempts.
--- @keys leases
--- @args lease_ms clock
--- @list member
--- @needs clock score

redis.call("ZREM", leases, "-") -- no such member; a first write that is allowed where memory has run out
local ends = score(read_clock() + tonumber(lease_ms) + 0.5)
local held, lost = {}, {}
for i, lease_end in ipairs(redis.call("ZMSCORE", leases, unpack(ARGV, first))) do
  if lease_end then
    held[#held + 1] = ends
    held[#held + 1] = ARGV[first + i - 1]
  else
    lost[#lost + 1] = i - 1
  end
end
if #held > 0 then redis.call("ZADD", leases, "XX", unpack(held)) end
return lost
