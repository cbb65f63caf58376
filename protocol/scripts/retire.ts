/**
 * Forgets finished jobs: those that finished longer ago than the retention, and the oldest beyond
 * the count. Works from the oldest index entry on; what is still alive there is listed anew.
 */
import { defineScript } from "../script.ts";
import { clockLua } from "./lua/clock.ts";
import { list, number } from "../reply.ts";

/** What `retire` did. */
export interface Retired {
  readonly forgotten: number;
  /** Whether another call would find more. */
  readonly more: boolean;
}

/** Handles about 1,000 jobs a call. Drops outbox entries older than `outbox_ms`. */
export const retire = defineScript({
  name: "retire",
  keys: ["jobs", "results", "index", "outbox"],
  args: ["retention_ms", "max_finished", "outbox_ms", "clock"],
  uses: [clockLua],
  lua: `
local now = read_clock()
local horizon = now - tonumber(retention_ms)
local surplus = redis.call("HLEN", results) - tonumber(max_finished)
redis.call("XTRIM", outbox, "MINID", string.format("%.0f", now - tonumber(outbox_ms)))
local examined, forgotten, done, kept = 0, {}, {}, {}
for _, entry in ipairs(redis.call("XRANGE", index, "-", "+", "COUNT", 200)) do
  if examined >= 1000 or (stamp_ms(entry[1]) > horizon and #forgotten >= surplus) then break end
  local ids = {}
  for id in string.gmatch(entry[2][2], "%S+") do ids[#ids + 1] = id end
  examined = examined + #ids
  for i, ended in ipairs(redis.call("HMGET", results, unpack(ids))) do
    local finished = ended and stamp_ms(string.match(ended, "^%S+ (%S+)"))
    if finished and (finished <= horizon or #forgotten < surplus) then
      forgotten[#forgotten + 1] = ids[i]
    else
      kept[#kept + 1] = ids[i]
    end
  end
  done[#done + 1] = entry[1]
end
if #done > 0 then redis.call("XDEL", index, unpack(done)) end
for from = 1, #kept, 1000 do
  redis.call("XADD", index, clock, "jobs", table.concat(kept, " ", from, math.min(from + 999, #kept)))
end
if #forgotten > 0 then
  redis.call("HDEL", jobs, unpack(forgotten))
  redis.call("HDEL", results, unpack(forgotten))
end
return { #forgotten, #forgotten > 0 and examined >= 1000 and 1 or 0 }`,
  parse: (reply): Retired => {
    const [forgotten, more] = list(reply).map(number);
    return { forgotten: forgotten ?? 0, more: more === 1 };
  },
});
