--- The short path of `finish`, for one attempt that succeeded on a node that takes its next job: every call of a
--- subscriber that is not busy, or has one slot. It comes before the functions of the general path are made. What it
--- cannot do it leaves to that path, untouched or as the variable says.
--- @keys jobs results free outbox
--- @args results_channel unacknowledged_ms clock was_busy endings
--- @list id token node state delay_ms text, then node mode waiting
--- @needs attempt backlog clock envelope lease-watch overfull record results score

-- The outbox entry, if the attempt is ended already and only its slot is left to fill.
local ended_entry
-- Nodes whose marks were removed: at the end, their slots are counted.
local overfull = {}
local is_plain = endings == "1"
  and #ARGV == first + 8
  and ARGV[first + 3] == "succeeded"
  and ARGV[first + 6] == ARGV[first + 2]
  and ARGV[first + 7] == "take"
  and ARGV[first + 8] == "0"
  and string.sub(ARGV[first], -1) ~= "+" -- a run of a schedule, perhaps, that others wait for
local was_held = false
if is_plain then
  was_held, overfull[ARGV[first + 2]] = take_lease(ARGV[first], ARGV[first + 1], ARGV[first + 2])
end
if was_held then
  local id, token, node, text = ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 5]
  ended_entry = redis.call("XADD", outbox, clock, "results", text)
  redis.call("HSET", results, id, write_result("succeeded", ended_entry, token, node, text))
  redis.call("PUBLISH", results_channel, text)
end
if ended_entry and not overfull[ARGV[first + 2]] then
  local node = ARGV[first + 2]
  -- Where a slot was free before, nothing waits (the invariant).
  if was_busy == "0" and redis.call("RPUSH", free, node) > 1 then return { "s", {}, {}, ended_entry } end
  local ids = backlog_pop("-", 1)
  if not ids then
    if was_busy == "1" then redis.call("RPUSH", free, node) end
    return { "s", {}, {}, ended_entry }
  end
  if was_busy == "0" then redis.call("RPOP", free) end
  local record = redis.call("HGET", jobs, ids[1])
  local job = record and read_record(ids[1], record)
  if job and job.phase == "Q" and job.deadline == "-" then
    job.phase, job.node, job.deliveries = "R", node, job.deliveries + 1
    redis.call("HSET", jobs, job.id, write_record(job))
    local ended_ms = stamp_ms(ended_entry)
    write_leases(ended_ms, { score(ended_ms + unacknowledged_ms), lease_member(job.id, token_of(job), node) })
    return { "s", { envelope_of(job) }, {}, ended_entry }
  end
  backlog_push_front("-", ids)
end
