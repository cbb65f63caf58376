--- Reads schedules by id, and the time. Changes nothing.
--- @keys schedules
--- @args clock
--- @list id
--- @needs clock

local records = redis.call("HMGET", schedules, unpack(ARGV, first))
return { string.format("%.0f", read_clock()), records }
