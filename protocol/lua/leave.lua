--- A node takes no more jobs. While it drains, its row stays and is marked: its attempts do not count as lost, and it
--- does not count as a foreign node. Jobs that only it may run wait for its next join.
--- @keys free nodes
--- @args node epoch step
--- @needs node-row

local row = redis.call("HGET", nodes, node)
if not row or string.match(row, "^%S+") ~= epoch then return 0 end
redis.call("LREM", free, 0, node)
if step == "gone" then
  redis.call("HDEL", nodes, node)
else
  mark_node(node, row, 2)
end
return 1
