--- A node takes no more jobs. While it drains its row stays, marked: what it runs is not taken for lost, and it is not
--- taken for a foreign node that listens. Jobs of its own wait for its next join.
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
