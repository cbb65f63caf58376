--- How jobs wait: one list of ids for any node, and one for each node that jobs are named for. `parked` is the set of
--- the nodes that have such a list. Nothing else touches these. A target is a node, or `-` for any.
--- @keys backlog parked
--- @needs chunks

local function backlog_of(target)
  return target == "-" and backlog or backlog .. ":" .. target
end

local function backlog_push(target, ids)
  call_in_chunks("RPUSH", backlog_of(target), ids)
end

-- The last of `ids` is the first to be popped.
local function backlog_push_front(target, ids)
  call_in_chunks("LPUSH", backlog_of(target), ids)
end

-- Up to `count` ids; false if none waits.
local function backlog_pop(target, count)
  return redis.call("LPOP", backlog_of(target), count)
end

local function backlog_remove(target, id)
  redis.call("LREM", backlog_of(target), 1, id)
end

local function backlog_length(target)
  return redis.call("LLEN", backlog_of(target))
end

-- Up to `count` nodes that jobs of their own wait for, at random.
local function backlog_parked(count)
  return redis.call("SRANDMEMBER", parked, count)
end

local function backlog_park(node)
  redis.call("SADD", parked, node)
end

local function backlog_unpark(node)
  redis.call("SREM", parked, node)
end
