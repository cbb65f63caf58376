--- Puts the invariants of `place` right where a node has come or changed its owner, or was overfull. Call after `commit`.
--- @keys leases free nodes
--- @needs backlog chunks commit messages overfull place waiting

-- Sees to it that a node with too many leases is marked, and no other. The score: no lease ends so late.
local function mark_overfull(node, is_overfull, is_marked)
  if is_overfull == is_marked then return end
  local marks, words = {}, {}
  add_marks(marks, node)
  for i, mark in ipairs(marks) do
    words[i * 2 - 1], words[i * 2] = "9e15", mark
  end
  if is_overfull then
    redis.call("ZADD", leases, unpack(words))
  else
    redis.call("ZREM", leases, unpack(marks))
  end
end

-- How many entries in free a node has: its slots less its leases. Reads all leases of the queue, so it is for joins,
-- take-overs and overfull nodes only.
local function recount_slots(node)
  redis.call("LREM", free, 0, node)
  local slots = string.match(redis.call("HGET", nodes, node) or "", "^%S+ (%d+) 1")
  if not slots then return 0 end
  local open, own_suffix, mark, is_marked, entries = tonumber(slots), " " .. node, "over:" .. node, false, {}
  for _, member in ipairs(redis.call("ZRANGE", leases, 0, -1)) do
    if string.sub(member, -#own_suffix) == own_suffix then open = open - 1 end
    is_marked = is_marked or member == mark
  end
  mark_overfull(node, open < 0, is_marked)
  for i = 1, open do
    entries[i] = node
  end
  call_in_chunks("RPUSH", free, entries)
  return math.max(0, open)
end

-- Gives its free slots to the jobs that wait for this node alone.
local function fill_own(node, open)
  if open == 0 then return end
  local own = pop_waiting(node, open)
  if #own > 0 then place_at(node, own, true) end
  if backlog_length(node) == 0 then
    backlog_unpark(node)
  elseif open == #own then
    tell_waiting(node)
  end
end

-- Gives what waits to what is free.
local function pair_up()
  commit()
  local length = redis.call("LLEN", free)
  if length > 0 then place(pop_waiting("-", length), true) end
  commit()
end
