--- Tries again to send jobs that wait for one particular node: a foreign node says nothing when it starts to listen,
--- and the message that tells a busy node of waiting jobs may be lost.
--- @keys jobs leases backlog free nodes parked due
--- @args queue channel control unacknowledged_ms foreign_ms clock limit
--- @needs backlog commit node-row now place waiting

local waiting = 0
for _, node in ipairs(backlog_parked(limit)) do
  ensure_now()
  local row = redis.call("HGET", nodes, node)
  if not row or is_connected(row) then
    local list = pop_waiting(node, tonumber(limit))
    if #list > 0 then place_at(node, list, true) end
  end
  local length = backlog_length(node)
  waiting = waiting + length
  if length == 0 then backlog_unpark(node) end
end
commit()
return waiting
