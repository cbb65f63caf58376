--- The short path of `dispatch` for many jobs that any node may run now, none of which is known: most batches are of
--- such jobs only. Their texts are put together from what all of a node share, which takes half the time of the
--- general path. What cannot be sent goes on to that path, with `accepted` and `now` set.
--- @keys free
--- @args unacknowledged_ms
--- @list id target name at deadline dedupe body
--- @needs attempt backlog dispatch-one envelope leases node-row record records send

local function are_plain(stored)
  local seen = {}
  for i, record in ipairs(stored) do
    local at = first + (i - 1) * 7
    local id = ARGV[at]
    local has_options = ARGV[at + 1] ~= "-"
      or ARGV[at + 3] ~= "-"
      or ARGV[at + 4] ~= "-"
      or ARGV[at + 5] ~= "-"
    if record or seen[id] or has_options then return false end
    seen[id] = true
  end
  return true
end

-- Publishes what has a slot. Answers the set of nodes on whose channels no client listened.
local function send_plain(slots)
  local order, envelopes, heads, silent = {}, {}, {}, {}
  for i, node in ipairs(slots) do
    local at = first + (i - 1) * 7
    if not envelopes[node] then
      envelopes[node], order[#order + 1] = {}, node
      heads[node] = envelope_head(node, accepted .. ".1", "1")
    end
    local list = envelopes[node]
    list[#list + 1] = write_envelope(heads[node], ARGV[at], ARGV[at + 2], ARGV[at + 6])
  end
  for _, node in ipairs(order) do
    if publish(node, envelopes[node]) == 0 then
      silent[node] = true
      disconnect(node)
    end
  end
  return silent
end

-- Fills replies with "<phase> <node>" of each job. Answers false if some are left for the general path to place.
local function dispatch_plain(replies)
  local count = (#ARGV - first + 1) / 7
  local slots = redis.call("LPOP", free, count) or {}
  local silent = send_plain(slots)
  local is_done, token, waiting = next(silent) == nil, accepted .. ".1", {}
  local heads, waiting_head = {}, plain_head("Q", accepted, "0", "0", "-")
  for i = 1, count do
    local at, node = first + (i - 1) * 7, slots[i]
    local id, head = ARGV[at], nil
    if node and not silent[node] then
      heads[node] = heads[node] or plain_head("R", accepted, "1", "0", node)
      head, replies[i] = heads[node], "R " .. node
      add_lease(lease_member(id, token, node), unacknowledged_ms)
    elseif is_done then
      head, replies[i] = waiting_head, "Q -"
      waiting[#waiting + 1] = id
    end
    if head then add_record(id, head .. ARGV[at + 2] .. "\n" .. ARGV[at + 6]) end
  end
  backlog_push("-", waiting)
  return is_done
end
