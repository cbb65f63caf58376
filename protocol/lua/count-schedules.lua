--- Counts the schedules of a queue. Changes nothing.
--- @keys schedules due
--- @args before

if before == "-" then return redis.call("HLEN", schedules) end
local count, offset = 0, 0
while true do
  local members = redis.call("ZRANGEBYSCORE", due, "-inf", before, "LIMIT", offset, 10000)
  for _, member in ipairs(members) do
    if string.byte(member) == 47 then count = count + 1 end -- it begins with /
  end
  if #members < 10000 then return count end
  offset = offset + 10000
end
