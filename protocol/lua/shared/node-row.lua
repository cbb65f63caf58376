--- A node's row in `nodes`: `<epoch> <slots> <mark> <info>`. Marks: 1 connected, 0 lost, 2 draining.
--- @keys free nodes

local function mark_node(node, row, mark)
  redis.call("HSET", nodes, node, (string.gsub(row, "^(%S+ %S+) %d", "%1 " .. mark)))
end

local function is_connected(row)
  return string.match(row, "^%S+ %S+ 1")
end

local function is_draining(row)
  return string.match(row, "^%S+ %S+ 2")
end

-- Nobody listens on the node's channel, or its lease has ended: no job for it until it joins again.
local function disconnect(node)
  redis.call("LREM", free, 0, node)
  local row = redis.call("HGET", nodes, node)
  if row then mark_node(node, row, 0) end
end
