--- How `finish` fills the slots that are free now, for the nodes that take more.
--- @keys free
--- @args unacknowledged_ms was_busy endings
--- @list id token node state delay_ms text, then node mode waiting
--- @needs attempt backlog envelope finish-endings finish-one leases now record records waiting

-- What is sent with the answer, nodes for which jobs still wait, nodes whose slots are to be counted: they are not the
-- caller's any more, or were overfull.
local envelopes, still_waiting, orphaned = {}, {}, {}

local function start(node, job)
  ensure_now()
  lease(job, node, unacknowledged_ms)
  envelopes[#envelopes + 1] = envelope_of(job)
end

-- Starts what waits for any node, one job for each of `takers`. Answers how many took one.
local function feed(takers)
  local used = 0
  return pop_each("-", #takers, function(id, text)
    local node = takers[used + 1]
    local record, token, attempt, name, body
    if text then
      record, token, attempt, name, body = start_plain(text, node)
    end
    if record then
      if now == 0 then ensure_now() end
      add_record(id, record)
      add_lease(lease_member(id, token, node), unacknowledged_ms)
      envelopes[#envelopes + 1] = write_envelope(envelope_head(node, token, attempt), id, name, body)
    else
      local job = read_waiting(id, text)
      if not job then return false end
      start(node, job)
    end
    used = used + 1
    return true
  end)
end

-- Starts jobs that only this node may run. Answers how many slots are left.
local function start_own(node, slots)
  local length = backlog_length(node)
  if slots < length then slots = slots + redis.call("LREM", free, length - slots, node) end
  for _, job in ipairs(pop_waiting(node, slots)) do
    start(node, job)
    slots = slots - 1
  end
  if backlog_length(node) > 0 then
    still_waiting[#still_waiting + 1] = node
  else
    backlog_unpark(node)
  end
  return slots
end

-- Answers a list with the name of a node for each slot that may take what waits for any node.
local function collect_takers()
  local takers = {}
  for at = first + endings * 6, #ARGV, 3 do
    local node, mode, slots = ARGV[at], ARGV[at + 1], freed[ARGV[at]] or 0
    freed[node] = nil
    if mode == "pass" or overfull[node] then
      orphaned[node] = true
    else
      if ARGV[at + 2] == "1" then slots = start_own(node, slots) end
      for _ = 1, slots do
        takers[#takers + 1] = node
      end
    end
  end
  for node in pairs(freed) do
    orphaned[node] = true
  end
  for node, is_marked in pairs(overfull) do
    if is_marked then orphaned[node] = true end
  end
  return takers
end

-- Busy: look into the backlog first. Idle: give the slots back first; where free was not empty before, the backlog is
-- (the invariant), which saves the look.
local function fill_slots()
  local takers = collect_takers()
  if #takers == 0 then return end
  local used = was_busy == "1" and feed(takers) or 0
  if used == #takers then return end
  local length = redis.call("RPUSH", free, unpack(takers, used + 1))
  if was_busy ~= "1" and length == #takers then
    used = feed(takers)
    if used > 0 then redis.call("LPOP", free, used) end
  end
end
