--- What scripts say besides jobs and results; `wire/messages.ts` reads it. All subscribers listen on the control
--- channel, one node on each dispatch channel.
--- @args queue channel control

local function message_of(what)
  return '{"v":1,"queue":"' .. queue .. '",' .. what .. "}"
end

-- Something is due in `ms` milliseconds. Subscribers set their timers by it.
local function tell_due(ms)
  redis.call("PUBLISH", control, message_of('"dueInMs":' .. string.format("%.0f", ms)))
end

-- A lease ends in `ms` milliseconds, and no subscriber watches the leases yet.
local function tell_lease(ms)
  redis.call("PUBLISH", control, message_of('"leaseInMs":' .. ms))
end

-- The subscriber that runs this attempt is to stop it.
local function tell_cancel(member)
  redis.call("PUBLISH", control, message_of('"cancel":"' .. member .. '"'))
end

-- The node is to join again. Answers how many clients listen.
local function ask_to_rejoin(node)
  return redis.call("PUBLISH", channel .. node, message_of('"rejoin":true'))
end

-- What follows on the node's channel is for the incarnation with this epoch. Answers how many clients listen.
local function tell_joined(node, epoch)
  return redis.call("PUBLISH", channel .. node, message_of('"joined":"' .. epoch .. '"'))
end

-- Jobs that only this node may run wait in its backlog.
local function tell_waiting(node)
  redis.call("PUBLISH", channel .. node, message_of('"waiting":true'))
end
