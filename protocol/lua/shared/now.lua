--- The time that counts for the whole call, in milliseconds; 0 until it is known. A script that writes a stream entry sets
--- it from the entry's id, any other calls `ensure_now`.
--- @needs clock

local now = 0

local function ensure_now()
  if now == 0 then now = read_clock() end
end
