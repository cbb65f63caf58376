/**
 * Lua: the short path of `dispatch`, for one job that any node may run now, as most are. It comes before the
 * functions of the general path are made, which alone would take longer (10 of 25 µs in all). What it cannot
 * do it leaves to that path, untouched or as the two variables say.
 */
export const dispatchOneLua = `
-- The index entry, if it is written already, and a node on whose channel nobody listened.
local accepted, silent_node
local is_plain = #ARGV == first + 6 and ARGV[first + 1] == "-" and ARGV[first + 3] == "-" and
  ARGV[first + 4] == "-" and ARGV[first + 5] == "-"
if is_plain and redis.call("HEXISTS", jobs, ARGV[first]) == 0 then
  accepted = redis.call("XADD", index, clock, "jobs", ARGV[first])
  local node = redis.call("LPOP", free)
  local job = {
    id = ARGV[first], phase = node and "R" or "Q", accepted = accepted, deliveries = node and 1 or 0, attempts = 0,
    deadline = "-", node = node or "-", target = "-", name = ARGV[first + 2], body = ARGV[first + 6],
  }
  if not node then
    redis.call("HSET", jobs, job.id, write_record(job))
    redis.call("RPUSH", backlog, job.id)
    return { "Q -" }
  end
  if redis.call("PUBLISH", channel .. node, envelope_of(job)) > 0 then
    redis.call("HSET", jobs, job.id, write_record(job))
    local now = stamp_ms(accepted)
    write_leases(now, { score(now + unheard_ms), member_of(job) })
    return { "R " .. node }
  end
  silent_node = node
end
`;
