/**
 * Lua: the one clock. Time is always Redis's own: taken from the id of the stream entry that the
 * same script writes (which costs nothing), else from `TIME`. `clock` is `*`; tests that simulate
 * time pass `<ms>-*` instead.
 */
export const clockLua = `
local function stamp_ms(stamp)
  return tonumber(string.match(stamp, "^%d+"))
end

local function read_clock()
  if clock ~= "*" then return stamp_ms(clock) end
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Lua prints large numbers as 1.7e+12; one decimal keeps the half that marks a heard lease.
local function score(ms)
  return string.format("%.1f", ms)
end
`;
