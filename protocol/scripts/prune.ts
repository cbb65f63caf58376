/**
 * Forgets finished jobs: those that finished longer ago than the retention, and the oldest beyond
 * the count; failed jobs by bounds of their own. Works from the oldest index entry on; what is still alive there is listed anew.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { stampLua } from "./lua/stamp.ts";
import { list, number } from "../redis/reply.ts";

/** What `retire` did. */
export interface Pruned {
  readonly forgotten: number;
  /** Whether another call would find more. */
  readonly more: boolean;
}

/**
 * Handles about 3,000 jobs a call. Drops outbox entries older than `outbox_ms`, and the seats of nodes that
 * are as long gone.
 */
export const prune = defineScript({
  name: "retire",
  keys: ["jobs", "results", "index", "outbox", "errors", "failed", "nodes", "due"],
  args: [
    "channel",
    "retention_ms",
    "max_finished",
    "failed_ms",
    "max_failed",
    "outbox_ms",
    "clock",
  ],
  uses: [clockLua, stampLua],
  lua: `
local now = read_clock()
local horizon = now - tonumber(retention_ms)
local failures = redis.call("ZCARD", failed)
local surplus = redis.call("HLEN", results) - failures - tonumber(max_finished)
redis.call("XTRIM", outbox, "MINID", string.format("%.0f", now - tonumber(outbox_ms)))
-- A node that has lived long is not gone because it is cut off or drains: nobody listens to one that is.
local seats = redis.call("HGETALL", nodes)
for i = 1, #seats, 2 do
  local epoch, connected = string.match(seats[i + 1], "^(%d+) %S+ (%d)")
  if connected ~= "1" and tonumber(epoch or 0) < now - tonumber(outbox_ms) and
    redis.call("PUBSUB", "NUMSUB", channel .. seats[i])[2] == 0 then
    redis.call("HDEL", nodes, seats[i])
  end
end

local most, examined, forgotten, done, kept = 3000, 0, {}, {}, {}
local ids, entry_of = {}, {}
local function judge()
  if #ids == 0 then return end
  local staying, entries = {}, {}
  for i, ended in ipairs(redis.call("HMGET", results, unpack(ids))) do
    local finished = ended and tonumber(string.match(ended, "^%S+ (%d+)") or 0)
    -- A failed job leaves the list here and stays in the failed set, which has bounds of its own.
    local is_failed = ended and string.match(ended, "^failed")
    local is_over = ended and (finished <= horizon or (not is_failed and #forgotten < surplus))
    if not is_over then
      staying[#staying + 1], entries[#entries + 1] = ids[i], entry_of[i]
    elseif not is_failed then
      forgotten[#forgotten + 1] = ids[i]
    end
  end
  -- What stays is listed anew, unless it is gone or has a newer entry because it was sent again.
  if #staying > 0 then
    for i, record in ipairs(redis.call("HMGET", jobs, unpack(staying))) do
      local accepted = record and string.match(record, "^%a (%S+)")
      if accepted and not is_older(entries[i], accepted) then kept[#kept + 1] = staying[i] end
    end
  end
  examined = examined + #ids
  ids, entry_of = {}, {}
end

-- Read by the page, judged by the hundred or more: jobs that were sent one by one have an entry each.
local from, is_last = "-", false
while not is_last do
  local page = redis.call("XRANGE", index, from, "+", "COUNT", 100)
  is_last = #page < 100
  for _, entry in ipairs(page) do
    if stamp_ms(entry[1]) > horizon and #forgotten + #ids >= surplus then judge() end
    if examined + #ids >= most or (stamp_ms(entry[1]) > horizon and #forgotten >= surplus) then
      is_last = true
      break
    end
    for id in string.gmatch(entry[2][2], "%S+") do
      ids[#ids + 1], entry_of[#ids + 1] = id, entry[1]
    end
    done[#done + 1] = entry[1]
    from = "(" .. entry[1]
    if #ids >= 1000 then judge() end
  end
  judge()
end
if #done > 0 then redis.call("XDEL", index, unpack(done)) end
for from = 1, #kept, 1000 do
  redis.call("XADD", index, clock, "jobs", table.concat(kept, " ", from, math.min(from + 999, #kept)))
end
local old = redis.call("ZRANGEBYSCORE", failed, "-inf", string.format("%.0f", now - tonumber(failed_ms)), "LIMIT", 0, 1000)
local over = math.min(failures - #old - tonumber(max_failed), 1000)
if over > 0 then
  for _, id in ipairs(redis.call("ZRANGE", failed, #old, #old + over - 1)) do old[#old + 1] = id end
end
if #old > 0 then
  redis.call("ZREM", failed, unpack(old))
  for _, id in ipairs(old) do forgotten[#forgotten + 1] = id end
end
if #forgotten > 0 then
  redis.call("HDEL", errors, unpack(forgotten))
  redis.call("HDEL", jobs, unpack(forgotten))
  redis.call("HDEL", results, unpack(forgotten))
  redis.call("ZREM", due, unpack(forgotten)) -- the deadline of one that was started in time
end
return { #forgotten, #forgotten > 0 and (examined >= most or #old >= 1000) and 1 or 0 }`,
  parse: (reply): Pruned => {
    const [forgotten, more] = list(reply).map(number);
    return { forgotten: forgotten ?? 0, more: more === 1 };
  },
});
