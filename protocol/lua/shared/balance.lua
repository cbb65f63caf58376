--- Puts the invariants of `place` right where a node has come or changed its owner. Call after `commit`.
--- @keys leases free nodes
--- @needs chunks commit place waiting

-- How many entries in free a node has: its slots less its leases. Reads all leases of the queue, so it is for joins
-- and take-overs only.
local function recount_slots(node)
  redis.call("LREM", free, 0, node)
  local slots = string.match(redis.call("HGET", nodes, node) or "", "^%S+ (%d+) 1")
  local open, own_suffix, entries = tonumber(slots or 0), " " .. node, {}
  for _, member in ipairs(redis.call("ZRANGE", leases, 0, -1)) do
    if string.sub(member, -#own_suffix) == own_suffix then open = open - 1 end
  end
  for i = 1, open do
    entries[i] = node
  end
  call_in_chunks("RPUSH", free, entries)
  return math.max(0, open)
end

-- Gives what waits to what is free.
local function pair_up()
  commit()
  local length = redis.call("LLEN", free)
  if length > 0 then place(pop_waiting("-", length), true) end
  commit()
end
