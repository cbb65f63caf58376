--- Sends jobs to one node. One message is one envelope or an array of them, near 512 KiB. Redis cuts off a subscriber
--- that falls 32 MB behind, and what it then joined for would cut it off again: so one script sends a node about
--- 12 MiB, more than one request can hold, and asks it to join again for the rest, which is leased to it. It reads
--- that message after all others.
--- @args queue channel unacknowledged_ms foreign_ms
--- @needs envelope leases messages node-row

local message_bytes, burst_bytes = 524288, 12582912
local sent_bytes, asked_nodes = {}, {}

local function is_spent(node)
  return (sent_bytes[node] or 0) > burst_bytes
end

local function ask_for_rest(node)
  asked_nodes[node] = asked_nodes[node] or ask_to_rejoin(node)
  return asked_nodes[node]
end

-- Answers 0 if no client listens.
local function publish(node, envelopes)
  local from, bytes = 1, 0
  for i = 1, #envelopes do
    bytes = bytes + #envelopes[i]
    if i == #envelopes or bytes + #envelopes[i + 1] > message_bytes then
      if is_spent(node) then return ask_for_rest(node) end
      local message = from == i and envelopes[i] or "[" .. table.concat(envelopes, ",", from, i) .. "]"
      if redis.call("PUBLISH", channel .. node, message) == 0 then return 0 end
      sent_bytes[node] = (sent_bytes[node] or 0) + bytes
      from, bytes = i + 1, 0
    end
  end
  return 1
end

-- Sends jobs to a node whose slots are already taken out of free. Answers false if no client listens.
local function send_to(node, list)
  local envelopes = {}
  for i, job in ipairs(list) do
    lease(job, node, unacknowledged_ms)
    envelopes[i] = envelope_of(job)
  end
  if publish(node, envelopes) > 0 then return true end
  unlease(list)
  disconnect(node)
  return false
end

-- A foreign node never joined and may still listen: a program that speaks only the original's wire format. It is sent
-- one job a message, as a bare id where an echo job, which is what bare ids stand for, carries nothing else. What is
-- too much for one call waits for the tick. Answers what was not sent.
local function send_to_foreign(node, list)
  local waiting = {}
  for _, job in ipairs(list) do
    lease(job, node, foreign_ms)
    local message = envelope_of(job)
    local is_bare = job.body == "}" or string.match(job.body, '^,"original":"%x+"}$')
    if job.name == "echo" and is_bare and queue == "default" then message = job.id end
    if #waiting > 0 or is_spent(node) or redis.call("PUBLISH", channel .. node, message) == 0 then
      unlease({ job })
      waiting[#waiting + 1] = job
    else
      sent_bytes[node] = (sent_bytes[node] or 0) + #message
    end
  end
  return waiting
end
