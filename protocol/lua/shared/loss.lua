--- What becomes of a job whose attempt is lost with its node.
--- @needs now attempt end-job errors

-- True: the job is to be placed again. Ten deliveries that no node acknowledged end it: another would not help.
local function survives_loss(job, was_acknowledged, node)
  if was_acknowledged then
    job.attempts_used = job.attempts_used + 1
    remember_error(
      job.id,
      job.attempts_used,
      node,
      json_error("attempt_lost", "its node died or was cut off", "true")
    )
  end
  local max_attempts = tonumber(string.match(job.body, '^,"attempts":(%d+)') or 3)
  if job.phase == "C" then
    end_cancelled(job, "cancelled while it ran; its node was not heard of again")
  elseif is_too_late(job, now) then
    end_expired(job)
  elseif job.attempts_used >= max_attempts then
    end_job(
      job,
      "failed",
      json_error("attempt_lost", "the node of the last attempt allowed died or was cut off", "true")
    )
  elseif not was_acknowledged and job.deliveries - job.attempts_used >= 10 then
    end_job(
      job,
      "failed",
      json_error("undeliverable", "ten deliveries ended without a sign of life", "false")
    )
  else
    return true
  end
  return false
end
