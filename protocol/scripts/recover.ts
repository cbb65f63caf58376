/**
 * Gives out again the jobs whose lease has ended, and takes their nodes out of the running. An
 * attempt that was heard of counts against the job's attempts; one that never was does not.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { endingArgs, endingKeys } from "./lua/ending.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, number } from "../redis/reply.ts";

/** What `expire` did. */
export interface Recovered {
  /** Jobs given out again. */
  readonly again: number;
  /** Jobs ended: out of attempts, or cancelled while they ran. */
  readonly ended: number;
  /** Until the next lease ends, in milliseconds; 0 if more are due now, null if none is held. */
  readonly nextInMs: number | null;
}

/**
 * Handles at most `limit` leases a call. A node that let a lease end is dead, cut off or stuck: it gets
 * no more jobs until it joins again, which the `rejoin` message asks it to, in case it lives.
 */
export const recover = defineScript({
  name: "expire",
  keys: [...endingKeys],
  args: [...endingArgs, "limit"],
  uses: [clockLua, recordLua, leaseLua, placeLua, endLua],
  lua: `
local soonest_end = redis.call("ZRANGE", leases, 0, 0, "WITHSCORES")[2]
if not soonest_end then return { 0, 0, -1 } end
now = read_clock()
if tonumber(soonest_end) > now then return { 0, 0, math.ceil(tonumber(soonest_end) - now) } end

local over = redis.call("ZRANGEBYSCORE", leases, "-inf", score(now), "WITHSCORES", "LIMIT", 0, limit)
local ids, members, scores, again, ended, lost = {}, {}, {}, {}, 0, {}
for i = 1, #over, 2 do
  local id = string.match(over[i], "^(%S+) %S+ %S+$")
  if id then
    members[#members + 1], scores[#scores + 1], ids[#ids + 1] = over[i], tonumber(over[i + 1]), id
  else
    redis.call("ZREM", leases, over[i]) -- the watch, or what is no lease
  end
end
if #ids > 0 then
  redis.call("ZREM", leases, unpack(members))
  local records = redis.call("HMGET", jobs, unpack(ids))
  for i, id in ipairs(ids) do
    local node = string.match(members[i], "(%S+)$")
    if not lost[node] then
      lost[node] = true
      if redis.call("HEXISTS", nodes, node) == 1 then
        lose(node)
        redis.call("PUBLISH", channel .. node, '{"v":1,"queue":"' .. queue .. '","rejoin":true}')
      end
    end
    local job = records[i] and read_record(id, records[i])
    if job and survives_loss(job, scores[i] % 1 ~= 0, node) then
      again[#again + 1] = job
    elseif job then
      ended = ended + 1
    end
  end
  place_all(again, true)
  commit()
  commit_ends()
end
local following = redis.call("ZRANGE", leases, 0, 0, "WITHSCORES")
if not following[2] then return { #again, ended, -1 } end
redis.call("ZADD", leases, "NX", following[2], "watch") -- the watch goes on until nothing is leased
return { #again, ended, math.max(0, math.ceil(tonumber(following[2]) - now)) }`,
  parse: (reply): Recovered => {
    const [again, ended, wait] = list(reply).map(number);
    return { again: again ?? 0, ended: ended ?? 0, nextInMs: waitOf(wait) };
  },
});

function waitOf(wait: number | undefined): number | null {
  return wait === undefined || wait < 0 ? null : wait;
}
