/** Lua: cancels one job that has not ended. Uses `place.ts` and `end.ts`; commit both afterwards. */
export const cancelLua = `
local function cancel_job(job)
  local id = job.id
  redis.call("ZREM", due, id) -- comes first: allowed even where memory has run out
  if job.phase == "R" or job.phase == "C" then
    job.phase = "C"
    redis.call("HSET", jobs, id, write_record(job))
    redis.call("PUBLISH", control, '{"v":1,"queue":"' .. queue .. '","cancel":"' .. member_of(job) .. '"}')
    return "stopping"
  end
  end_job(job, "cancelled", json_error("cancelled", "cancelled before it was started", "false"))
  return "cancelled"
end
`;
