/**
 * Lua: the short path of `finish`, for one attempt that succeeded on a node that takes what comes next: every
 * call of a subscriber that is not busy, or has one slot. It comes before the functions of the general
 * path are made. What it cannot do it leaves to that path, untouched or as the variable says.
 */
export const finishOneLua = `
-- The outbox entry, if the attempt is ended already and only its slot is left to fill.
local ended_entry
local is_plain = attempts == "1" and #ARGV == first + 8 and ARGV[first + 3] == "succeeded" and
  ARGV[first + 6] == ARGV[first + 2] and ARGV[first + 7] == "take" and ARGV[first + 8] == "0"
  and string.sub(ARGV[first], -1) ~= "+" -- a run of a schedule, perhaps, that others wait for
local lone_member = is_plain and ARGV[first] .. " " .. ARGV[first + 1] .. " " .. ARGV[first + 2]
if is_plain and redis.call("ZREM", leases, lone_member) == 1 then
  local id, token, node, text = ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 5]
  local entry = redis.call("XADD", outbox, clock, "results", text)
  redis.call("HSET", results, id, "succeeded " .. entry .. " " .. token .. " " .. node .. "\\n" .. text)
  redis.call("PUBLISH", results_channel, text)
  -- Where a slot was free before, nothing waits (the invariant).
  if hot == "0" and redis.call("RPUSH", free, node) > 1 then return { "s", {}, {}, entry } end
  local next_id = redis.call("LPOP", backlog)
  if not next_id then
    if hot == "1" then redis.call("RPUSH", free, node) end
    return { "s", {}, {}, entry }
  end
  if hot == "0" then redis.call("RPOP", free) end
  local record = redis.call("HGET", jobs, next_id)
  local job = record and read_record(next_id, record)
  if job and job.phase == "Q" and job.deadline == "-" then
    job.phase, job.node, job.deliveries = "R", node, job.deliveries + 1
    redis.call("HSET", jobs, next_id, write_record(job))
    local now = stamp_ms(entry)
    write_leases(now, { score(now + unheard_ms), member_of(job) })
    return { "s", { envelope_of(job) }, {}, entry }
  end
  redis.call("LPUSH", backlog, next_id)
  ended_entry = entry
end
`;
