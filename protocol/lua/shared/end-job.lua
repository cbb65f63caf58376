--- Ends jobs that no node reports on, as `failed` (out of attempts), `expired` (not started in time) or `cancelled`.
--- Commit records, then results.
--- @args queue
--- @needs attempt errors records results waiting

local function end_job(job, state, error_json)
  local token = token_of(job)
  local text = '{"v":1,"id":"'
    .. job.id
    .. '","name":"'
    .. job.name
    .. '","queue":"'
    .. queue
    .. '","node":"'
    .. job.node
    .. '","token":"'
    .. token
    .. '","attempt":'
    .. math.max(1, job.attempts_used)
    .. ',"state":"'
    .. state
    .. '","error":'
    .. error_json
    .. "}"
  add_result(job.id, state, token, job.node, text)
  unqueue(job)
  job.phase = "E"
  save(job)
end

local function end_cancelled(job, message)
  end_job(job, "cancelled", json_error("cancelled", message, "false"))
end

local function end_expired(job)
  end_job(job, "expired", json_error("expired", "not started before its deadline", "false"))
end
