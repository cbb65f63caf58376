--- Cancels one job that has not ended. Commit records, then results.
--- @keys jobs due
--- @needs attempt end-job messages record

local function cancel_job(job)
  redis.call("ZREM", due, job.id) -- comes first: allowed even where memory has run out
  if job.phase == "R" or job.phase == "C" then
    job.phase = "C"
    redis.call("HSET", jobs, job.id, write_record(job))
    tell_cancel(member_of(job))
    return "stopping"
  end
  end_cancelled(job, "cancelled before it was started")
  return "cancelled"
end
