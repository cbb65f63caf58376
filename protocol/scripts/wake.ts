/**
 * Does what is due: places delayed jobs and retries, and ends jobs that were not started in time.
 * Repeat-safe: a moment is taken out as it is handled.
 */
import { defineScript } from "../script.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, number } from "../reply.ts";

/** What `wake` did. */
export interface Woken {
  readonly placed: number;
  readonly expired: number;
  /** Until the next moment, in milliseconds; 0 if more are due now, null if there is none. */
  readonly nextInMs: number | null;
}

/** Handles at most `limit` moments a call. */
export const wake = defineScript({
  name: "wake",
  keys: [
    "jobs",
    "results",
    "leases",
    "backlog",
    "free",
    "nodes",
    "parked",
    "outbox",
    "due",
    "errors",
    "failed",
  ],
  args: [
    "queue",
    "channel",
    "control",
    "results_channel",
    "unheard_ms",
    "foreign_ms",
    "clock",
    "limit",
  ],
  uses: [clockLua, recordLua, leaseLua, placeLua, endLua],
  lua: `
local soonest_due = redis.call("ZRANGE", due, 0, 0, "WITHSCORES")[2]
if not soonest_due then return { 0, 0, -1 } end
now = read_clock()
if tonumber(soonest_due) > now then return { 0, 0, math.ceil(tonumber(soonest_due) - now) } end

local ids = redis.call("ZRANGEBYSCORE", due, "-inf", score(now), "LIMIT", 0, limit)
local ready, expired = {}, 0
if #ids > 0 then
  redis.call("ZREM", due, unpack(ids))
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(ids))) do
    local job = record and read_record(ids[i], record)
    if job and (job.phase == "D" or job.phase == "Q") and is_too_late(job, now) then
      end_job(job, "expired", json_error("expired", "not started before its deadline", "false"))
      expired = expired + 1
    elseif job and job.phase == "D" then
      ready[#ready + 1] = job
    end
  end
  place_all(ready, false)
  commit()
  commit_ends()
end
local following = redis.call("ZRANGE", due, 0, 0, "WITHSCORES")
local wait = following[2] and math.max(0, math.ceil(tonumber(following[2]) - now)) or -1
return { #ready, expired, wait }`,
  parse: (reply): Woken => {
    const [placed, expired, wait] = list(reply).map(number);
    return {
      placed: placed ?? 0,
      expired: expired ?? 0,
      nextInMs: wait === undefined || wait < 0 ? null : wait,
    };
  },
});
