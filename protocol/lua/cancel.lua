--- Cancels a job: immediately while it waits, by asking its node while it runs.
--- @keys jobs results backlog outbox due failed
--- @args queue control results_channel clock id
--- @needs cancel-job record records results

local record = redis.call("HGET", jobs, id)
local job = record and read_record(id, record)
if not job then return { "unknown" } end
local ended = redis.call("HGET", results, id)
if ended then return { "ended", string.match(ended, "^%S+") } end
local outcome = cancel_job(job)
commit_records()
commit_results()
return { outcome }
