/**
 * Does what is due: places delayed jobs and retries, and ends jobs that were not started in time.
 * Repeat-safe: a moment is taken out as it is handled.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { endingArgs, endingKeys } from "./lua/ending.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { scheduleLua } from "./lua/schedule.ts";
import { list, number, text } from "../redis/reply.ts";

/** What `wake` did, and what is left to the caller. */
export interface FoundDue {
  readonly placed: number;
  readonly expired: number;
  /** Until the next moment, in milliseconds; 0 if more are due now, null if there is none. */
  readonly nextInMs: number | null;
  /** The time by which schedules were found due, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Schedules that are due: id, and the first two lines of the record. They stay due: see `advance.ts`. */
  readonly schedules: readonly { readonly id: string; readonly text: string }[];
}

/**
 * Handles at most `limit` moments a call, and names at most `max_schedules` schedules. `/<id>` is a schedule's
 * member, `!<id>` says that an ended one is to be forgotten.
 */
export const runDue = defineScript({
  name: "wake",
  keys: [...endingKeys, "schedules", "schedule_ids", "history"],
  args: [...endingArgs, "limit", "max_schedules"],
  uses: [clockLua, recordLua, leaseLua, placeLua, endLua, scheduleLua],
  lua: `
local soonest_due = redis.call("ZRANGE", due, 0, 0, "WITHSCORES")[2]
if not soonest_due then return { 0, 0, -1, "0", {} } end
now = read_clock()
if tonumber(soonest_due) > now then return { 0, 0, math.ceil(tonumber(soonest_due) - now), "0", {} } end

local members = redis.call("ZRANGEBYSCORE", due, "-inf", score(now), "LIMIT", 0, limit)
local ids, rules, over, ready, expired = {}, {}, {}, {}, 0
for _, member in ipairs(members) do
  local mark, list = string.sub(member, 1, 1), ids
  if mark == "/" then list = rules elseif mark == "!" then list = over end
  if list == ids then list[#list + 1] = member
  elseif list == over or #rules < tonumber(max_schedules) then list[#list + 1] = string.sub(member, 2) end
end
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
local found = {}
if #rules > 0 then
  for i, text in ipairs(redis.call("HMGET", schedules, unpack(rules))) do
    if text then found[#found + 1] = { rules[i], clockwork_of(text) } else redis.call("ZREM", due, "/" .. rules[i]) end
  end
end
if #over > 0 then
  local gone, marks = {}, {}
  for i, text in ipairs(redis.call("HMGET", schedules, unpack(over))) do
    marks[i] = "!" .. over[i]
    if text and string.sub(text, 1, 1) == "E" then gone[#gone + 1] = over[i] end
  end
  redis.call("ZREM", due, unpack(marks))
  if #gone > 0 then
    redis.call("HDEL", schedules, unpack(gone))
    redis.call("ZREM", schedule_ids, unpack(gone))
    redis.call("HDEL", history, unpack(gone))
  end
end
local following = redis.call("ZRANGE", due, 0, 0, "WITHSCORES")
local wait = following[2] and math.max(0, math.ceil(tonumber(following[2]) - now)) or -1
return { #ready, expired, wait, string.format("%.0f", now), found }`,
  parse: (reply): FoundDue => {
    const [placed, expired, wait, now, found] = list(reply);
    return {
      placed: number(placed),
      expired: number(expired),
      nextInMs: number(wait) < 0 ? null : number(wait),
      nowMs: number(now),
      schedules: list(found).map((each) => {
        const [id, record] = list(each);
        return { id: text(id), text: text(record) };
      }),
    };
  },
});
