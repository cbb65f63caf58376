--- Reads outbox entries that have not been delivered for a while, the oldest first: at most `limit`, and about 1 MiB
--- together. Changes nothing.
--- @keys outbox
--- @args grace_ms limit clock
--- @needs clock

local before = string.format("%.0f", read_clock() - tonumber(grace_ms))
local rows, bytes = {}, 0
for _, entry in ipairs(redis.call("XRANGE", outbox, "-", before, "COUNT", limit)) do
  bytes = bytes + #entry[2][2]
  if bytes > 1048576 and #rows > 0 then break end
  rows[#rows + 1] = { entry[1], entry[2][2] }
end
return rows
