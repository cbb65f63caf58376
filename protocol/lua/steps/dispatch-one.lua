--- The short path of `dispatch`, for one job that any node may run now, as most are. It comes before the functions of
--- the general path are made, which alone would take longer (10 of 25 µs in all). What it cannot do it leaves to that
--- path, untouched or as the two variables say.
--- @keys jobs free index
--- @args channel clock unacknowledged_ms
--- @list id target name at deadline dedupe body
--- @needs attempt backlog clock envelope lease-watch record score

-- The index entry, if it is written already, and a node on whose channel no client listened.
local accepted, silent_node
local is_plain = #ARGV == first + 6
  and ARGV[first + 1] == "-"
  and ARGV[first + 3] == "-"
  and ARGV[first + 4] == "-"
  and ARGV[first + 5] == "-"
if is_plain and redis.call("HEXISTS", jobs, ARGV[first]) == 0 then
  accepted = redis.call("XADD", index, clock, "jobs", ARGV[first])
  local node = redis.call("LPOP", free)
  local job = {
    id = ARGV[first],
    phase = node and "R" or "Q",
    accepted = accepted,
    deliveries = node and 1 or 0,
    attempts_used = 0,
    deadline = "-",
    node = node or "-",
    target = "-",
    name = ARGV[first + 2],
    body = ARGV[first + 6],
  }
  if not node then
    redis.call("HSET", jobs, job.id, write_record(job))
    backlog_push("-", { job.id })
    return { "Q -" }
  end
  if redis.call("PUBLISH", channel .. node, envelope_of(job)) > 0 then
    redis.call("HSET", jobs, job.id, write_record(job))
    local accepted_ms = stamp_ms(accepted)
    write_leases(
      accepted_ms,
      { score(accepted_ms + unacknowledged_ms), lease_member(job.id, token_of(job), node) }
    )
    return { "R " .. node }
  end
  silent_node = node
end
