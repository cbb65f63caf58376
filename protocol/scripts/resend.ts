/** Sends ended jobs again as if they were new, with their ids and all their attempts. */
import { defineScript } from "../script.ts";
import { clockLua } from "./lua/clock.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, text } from "../reply.ts";

/**
 * List: ids. Only `failed`, `cancelled` and `expired` jobs are sent; answers which were. Their errors are kept.
 * A second call finds them running or queued and leaves them.
 */
export const resend = defineScript({
  name: "resend",
  keys: [
    "jobs",
    "results",
    "leases",
    "backlog",
    "free",
    "nodes",
    "parked",
    "due",
    "failed",
    "index",
  ],
  args: ["queue", "channel", "control", "unheard_ms", "foreign_ms", "clock"],
  uses: [clockLua, recordLua, placeLua],
  lua: `
local asked = { unpack(ARGV, first) }
local records, endings = redis.call("HMGET", jobs, unpack(asked)), redis.call("HMGET", results, unpack(asked))
local ids, again, seen = {}, {}, {}
for i, id in ipairs(asked) do
  local state = records[i] and endings[i] and string.match(endings[i], "^%S+")
  if state and state ~= "succeeded" and not seen[id] then
    seen[id] = true
    ids[#ids + 1] = id
    again[#again + 1] = read_record(id, records[i])
  end
end
if #ids == 0 then return {} end
local accepted = redis.call("XADD", index, clock, "jobs", table.concat(ids, " "))
now = stamp_ms(accepted)
redis.call("HDEL", results, unpack(ids))
redis.call("ZREM", failed, unpack(ids))
for _, job in ipairs(again) do
  job.accepted, job.deliveries, job.attempts, job.deadline = accepted, 0, 0, "-"
end
place_all(again, false)
commit()
return ids`,
  parse: (reply): readonly string[] => list(reply).map(text),
});
