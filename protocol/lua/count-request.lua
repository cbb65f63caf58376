--- Counts a request in a window that the first one opens. No clock is asked: the key's expiry is the window's end.
--- @keys counter
--- @args max window_ms

local count = redis.call("INCR", counter)
if count == 1 then redis.call("PEXPIRE", counter, window_ms) end
if count <= tonumber(max) then return "-" end
return tostring(redis.call("PTTL", counter))
