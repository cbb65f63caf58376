--- Gives jobs to nodes with free slots, the rest to a backlog; `commit` afterwards. The caller sets `now` first.
---
--- Invariants, true whenever no script runs:
--- - a connected node's entries in `free` + its leases = its slots;
--- - `free` is empty or the backlog of any node is empty.
--- @keys free nodes
--- @needs backlog dues messages node-row records send

local function wait_in(target, list, front)
  if #list == 0 then return end
  local ids = {}
  for i, job in ipairs(list) do
    job.phase = "Q"
    job.node = "-"
    ids[front and #list - i + 1 or i] = job.id
    save(job)
    if job.deadline ~= "-" and job.attempts_used == 0 then set_due(job.id, tonumber(job.deadline)) end
  end
  if front then
    backlog_push_front(target, ids)
  else
    backlog_push(target, ids)
  end
end

-- Answers the nodes that `slots` name, in their order, and for each the jobs beside its name.
local function group_by_node(list, slots)
  local order, groups = {}, {}
  for i, job in ipairs(list) do
    local node = slots[i]
    if node and not groups[node] then
      groups[node] = {}
      order[#order + 1] = node
    end
    if node then table.insert(groups[node], job) end
  end
  return order, groups
end

-- Jobs for any node. Jobs that find no slot wait: at the front if they waited before.
local function place(list, front)
  while #list > 0 do
    local slots = redis.call("LPOP", free, #list)
    if not slots then break end
    local order, groups = group_by_node(list, slots)
    local has_failed, failed_nodes, rest = false, {}, {}
    for _, node in ipairs(order) do
      if not send_to(node, groups[node]) then
        failed_nodes[node], has_failed = true, true
      end
    end
    for i, job in ipairs(list) do
      if not slots[i] or failed_nodes[slots[i]] then rest[#rest + 1] = job end
    end
    list = rest
    if not has_failed then break end
  end
  wait_in("-", list, front)
end

-- Jobs for one node only.
local function place_at(node, list, front)
  local slots = redis.call("LREM", free, #list, node)
  local taken, waiting = {}, {}
  for i, job in ipairs(list) do
    local side = i <= slots and taken or waiting
    side[#side + 1] = job
  end
  if slots > 0 and not send_to(node, taken) then waiting = list end
  if #waiting == 0 then return end
  local row = redis.call("HGET", nodes, node)
  if not row then
    waiting = send_to_foreign(node, waiting)
  elseif is_connected(row) then
    tell_waiting(node)
  end
  if #waiting > 0 then
    wait_in(node, waiting, front)
    backlog_park(node)
  end
end

-- Splits by target and places everything.
local function place_all(list, front)
  local anywhere, targets, named = {}, {}, {}
  for _, job in ipairs(list) do
    if job.target == "-" then
      anywhere[#anywhere + 1] = job
    else
      if not named[job.target] then
        named[job.target] = {}
        targets[#targets + 1] = job.target
      end
      table.insert(named[job.target], job)
    end
  end
  for _, node in ipairs(targets) do
    place_at(node, named[node], front)
  end
  place(anywhere, front)
end
