--- Ends attempts and fetches the next jobs, for everything that one subscriber has batched since its previous call.
--- Repeat-safe: only the call that removes an attempt's lease stores its outcome and frees its slot.
--- @keys jobs results leases backlog free nodes parked outbox due errors failed
--- @args queue channel control results_channel unacknowledged_ms foreign_ms clock was_busy endings
--- @list id token node state delay_ms text, then node mode waiting
--- @early finish-one finish-plain
--- @needs attempt balance commit end-job finish-endings finish-one finish-plain finish-slots now place record results

-- Places jobs that were given back, or ends those that must not run again.
local function place_returned()
  if #returned == 0 then return end
  ensure_now()
  local again, ids = {}, {}
  for i, ending in ipairs(returned) do
    ids[i] = ending.id
  end
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(ids))) do
    local job = record and read_record(ids[i], record)
    if returned[i].state == "refused" then
      -- Known from now on, and not connected: jobs for it wait until it joins.
      redis.call("HSETNX", nodes, returned[i].node, "0 0 0 {}")
    elseif job then
      job.deadline = "-" -- it was started in time
    end
    if job and job.phase == "C" then
      end_cancelled(job, "cancelled while it ran")
    elseif job and is_too_late(job, now) then
      end_expired(job)
    elseif job then
      again[#again + 1] = job
    end
  end
  place_all(again, true)
end

if not is_filled then
  delay_retried()
  fill_slots()
  place_returned()
  commit()
  commit_results()
end
-- Comes last: the freed slots of these nodes go to their new owners.
if next(orphaned) then
  ensure_now()
  for node in pairs(orphaned) do
    local open = recount_slots(node)
    if overfull[node] then fill_own(node, open) end
  end
  pair_up()
end
return { verdicts, envelopes, still_waiting, entry }
