--- The one clock. Time is always Redis's own: taken from the id of the stream entry that the same script writes
--- (which costs nothing), else from `TIME`. `clock` is `*`; tests that simulate time pass `<ms>-*`.
--- @args clock

local function stamp_ms(stamp)
  return tonumber(string.match(stamp, "^%d+"))
end

local function read_clock()
  if clock ~= "*" then return stamp_ms(clock) end
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
