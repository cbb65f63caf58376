/**
 * Lua: the short path of `dispatch` for many jobs that any node may run now, none of which is known: most batches
 * are of such jobs only. Their texts are put together from what all of a node share, which takes half the time
 * of the general path. What cannot be sent goes on to that path, with `accepted` and `now` set.
 */
export const dispatchPlainLua = `
local function are_plain(stored)
  local seen = {}
  for i, record in ipairs(stored) do
    local at = first + (i - 1) * 7
    local id = ARGV[at]
    if record or seen[id] or ARGV[at + 1] ~= "-" or ARGV[at + 3] ~= "-" or ARGV[at + 4] ~= "-" or ARGV[at + 5] ~= "-" then
      return false
    end
    seen[id] = true
  end
  return true
end

-- Publishes what has a slot; answers the set of nodes on whose channels nobody listened.
local function send_plain(slots)
  local order, envelopes, unheard = {}, {}, {}
  local heads = {}
  for i, node in ipairs(slots) do
    local at = first + (i - 1) * 7
    if not envelopes[node] then
      envelopes[node], order[#order + 1] = {}, node
      heads[node] = envelope_head(node, accepted .. ".1", "1")
    end
    local list = envelopes[node]
    list[#list + 1] = heads[node] .. ARGV[at] .. '","name":"' .. ARGV[at + 2] .. '"' .. ARGV[at + 6]
  end
  for _, node in ipairs(order) do
    if publish(node, envelopes[node]) == 0 then
      unheard[node] = true
      lose(node)
    end
  end
  return unheard
end

-- Fills replies with "<phase> <node>" of each job. False: but for some, which the general path is to place.
local function dispatch_plain(replies)
  local count = (#ARGV - first + 1) / 7
  local slots = redis.call("LPOP", free, count) or {}
  local unheard = send_plain(slots)
  local is_heard = next(unheard) == nil
  local lease_end, tail, waiting = score(now + unheard_ms), accepted .. ".1 ", {}
  for i = 1, count do
    local at, node = first + (i - 1) * 7, slots[i]
    local id = ARGV[at]
    local head
    if node and not unheard[node] then
      head, replies[i] = "R " .. accepted .. " 1 0 - " .. node .. " - ", "R " .. node
      new_leases[#new_leases + 1] = lease_end
      new_leases[#new_leases + 1] = id .. " " .. tail .. node
    elseif is_heard then
      head, replies[i] = "Q " .. accepted .. " 0 0 - - - ", "Q -"
      waiting[#waiting + 1] = id
    end
    if head then
      new_records[#new_records + 1] = id
      new_records[#new_records + 1] = head .. ARGV[at + 2] .. "\\n" .. ARGV[at + 6]
    end
  end
  call_in_chunks("RPUSH", backlog, waiting)
  return is_heard
end
`;
