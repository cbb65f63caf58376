--- The text in which a job is sent to a node; see `docs/protocol.md`.
--- @args queue
--- @needs record attempt

-- Up to the job's id: what all first attempts that one call sends to a node share.
local function envelope_head(node, token, attempt)
  return '{"v":1,"queue":"'
    .. queue
    .. '","node":"'
    .. node
    .. '","token":"'
    .. token
    .. '","attempt":'
    .. attempt
    .. ',"id":"'
end

local function write_envelope(head, id, name, body)
  return head .. id .. '","name":"' .. name .. '"' .. body
end

local function envelope_of(job)
  local attempt = digits[job.attempts_used + 1] or job.attempts_used + 1
  return write_envelope(envelope_head(job.node, token_of(job), attempt), job.id, job.name, job.body)
end
