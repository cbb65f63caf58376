/** Sends ended jobs again as if they were new, with their ids and all their attempts. */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { endingArgs, endingKeys } from "./lua/ending.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, text } from "../redis/reply.ts";

/**
 * - `resent`: it had failed, expired or been cancelled, and is as new.
 * - `alive`: it is delayed, queued or running, perhaps because it has just been sent again.
 * - `stopping`: it runs, and has been asked to stop.
 * - `succeeded`: not sent again. `unknown`: no such job.
 */
export type Resent = "resent" | "alive" | "stopping" | "succeeded" | "unknown";

/** List: ids. `only` is the state that a job must have ended in, or `-`; others answer as `alive`. */
export const resend = defineScript({
  name: "resend",
  keys: [...endingKeys, "index"],
  args: [...endingArgs, "only"],
  uses: [clockLua, recordLua, leaseLua, placeLua, endLua],
  lua: `
local asked = { unpack(ARGV, first) }
local records, endings = redis.call("HMGET", jobs, unpack(asked)), redis.call("HMGET", results, unpack(asked))
local ids, again, reasons, answers, seen = {}, {}, {}, {}, {}
for i, id in ipairs(asked) do
  local job = records[i] and read_record(id, records[i])
  local state = endings[i] and string.match(endings[i], "^%S+")
  if not job then
    answers[i] = "unknown"
  elseif seen[id] then
    answers[i] = "resent"
  elseif state == "succeeded" then
    answers[i] = "succeeded"
  elseif not state or (only ~= "-" and only ~= state) then
    answers[i] = job.phase == "C" and "stopping" or "alive"
  else
    seen[id] = true
    answers[i] = "resent"
    ids[#ids + 1] = id
    again[#again + 1] = job
    -- The failure that ended the job goes to the others; a lost attempt is among them already.
    local reason = state == "failed" and string.match(endings[i], '"error":(.*)}$')
    if reason and not string.find(reason, '"attempt_lost"', 1, true) and pcall(cjson.decode, reason) then
      reasons[#again] = reason
    end
  end
end
if #ids == 0 then return answers end
local accepted = redis.call("XADD", index, clock, "jobs", table.concat(ids, " "))
now = stamp_ms(accepted)
for i, job in ipairs(again) do
  if reasons[i] then remember_error(job.id, job.attempts + 1, job.node, reasons[i]) end
end
redis.call("HDEL", results, unpack(ids))
redis.call("ZREM", failed, unpack(ids))
for _, job in ipairs(again) do
  job.accepted, job.deliveries, job.attempts, job.deadline = accepted, 0, 0, "-"
end
place_all(again, false)
commit()
return answers`,
  parse: (reply): readonly Resent[] => list(reply).map((each) => text(each) as Resent),
});
