--- Counts a request, or the jobs that it makes, in a window that the first one opens. It needs no clock: the key expires
--- when the window ends.
--- @keys counter
--- @args max window_ms jobs

local is_one = jobs == "1"
local count = is_one and redis.call("INCR", counter) or redis.call("INCRBY", counter, jobs)
if count == tonumber(jobs) then redis.call("PEXPIRE", counter, window_ms) end
if count <= tonumber(max) then return "-" end
-- Many jobs that are refused leave the room to smaller requests.
if not is_one then redis.call("INCRBY", counter, "-" .. jobs) end
return tostring(redis.call("PTTL", counter))
