--- Counts a request in a window that the first one opens. It needs no clock: the key expires when the window ends.
--- @keys counter
--- @args max window_ms

local count = redis.call("INCR", counter)
if count == 1 then redis.call("PEXPIRE", counter, window_ms) end
if count <= tonumber(max) then return "-" end
return tostring(redis.call("PTTL", counter))
