--- Commands with many words. Lua's `unpack` has a limit near 8,000.

local function call_in_chunks(command, key, words)
  for from = 1, #words, 4000 do
    redis.call(command, key, unpack(words, from, math.min(from + 3999, #words)))
  end
end
