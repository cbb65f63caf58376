/**
 * Gives out again the jobs whose lease has ended. An attempt that was heard of counts against the
 * job's attempts; one that never was does not. A job out of attempts ends as `failed`.
 */
import { defineScript } from "../script.ts";
import { clockLua } from "./lua/clock.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, number } from "../reply.ts";

/** What `expire` did. */
export interface Expired {
  /** Jobs given out again. */
  readonly again: number;
  /** Jobs failed for want of attempts. */
  readonly failed: number;
  /** Until the next lease ends, in milliseconds; 0 if more are due now, null if none is held. */
  readonly nextInMs: number | null;
}

/** Handles at most `limit` leases a call. */
export const expire = defineScript({
  name: "expire",
  keys: ["jobs", "results", "leases", "backlog", "free", "nodes", "parked", "outbox"],
  args: ["queue", "channel", "results_channel", "unheard_ms", "foreign_ms", "clock", "limit"],
  uses: [clockLua, recordLua, placeLua],
  // 20 deliveries that no node was heard of about: the job, or every node, is beyond help.
  lua: `
now = read_clock()
local due = redis.call("ZRANGEBYSCORE", leases, "-inf", score(now), "WITHSCORES", "LIMIT", 0, limit)
local ids, members, again, failed = {}, {}, {}, {}
for i = 1, #due, 2 do
  members[#members + 1] = due[i]
  ids[#ids + 1] = string.match(due[i], "^%S+")
end
if #ids > 0 then
  redis.call("ZREM", leases, unpack(members))
  local records = redis.call("HMGET", jobs, unpack(ids))
  local seats, tokens = {}, {}
  for i, id in ipairs(ids) do
    local node = string.match(members[i], "(%S+)$")
    if seats[node] == nil then seats[node] = redis.call("HGET", nodes, node) or "" end
    if string.match(seats[node], "^%S+ %S+ 1") then tokens[#tokens + 1] = node end
    if records[i] then
      local job = read_record(id, records[i])
      local heard = tonumber(due[i * 2]) % 1 ~= 0
      if heard then job.attempts = job.attempts + 1 end
      local allowed = tonumber(string.match(job.body, '^,"attempts":(%d+)') or 3)
      if job.attempts >= allowed or job.deliveries - job.attempts >= 20 then
        failed[#failed + 1] = job
      else
        again[#again + 1] = job
      end
    end
  end
  call_in_chunks("RPUSH", free, tokens)
end

if #failed > 0 then
  local texts = {}
  for i, job in ipairs(failed) do
    texts[i] = '{"v":1,"id":"' .. job.id .. '","name":"' .. job.name .. '","queue":"' .. queue ..
      '","node":"' .. job.node .. '","token":"' .. token_of(job) .. '","attempt":' .. math.max(1, job.attempts) ..
      ',"state":"failed","error":{"code":"attempt_lost","message":"the lease of the last attempt allowed ended' ..
      ' without a result; its node died or was cut off","retryable":true}}'
  end
  local batch = #texts == 1 and texts[1] or "[" .. table.concat(texts, ",") .. "]"
  local entry, fields = redis.call("XADD", outbox, clock, "results", batch), {}
  for i, job in ipairs(failed) do
    fields[#fields + 1] = job.id
    fields[#fields + 1] = table.concat({ "failed", entry, token_of(job), job.node }, " ") .. "\\n" .. texts[i]
    save(job)
  end
  call_in_chunks("HSET", results, fields)
  redis.call("PUBLISH", results_channel, batch)
end

if #ids > 0 then
  place_all(again, true)
  local length = redis.call("LLEN", free)
  if length > 0 then place(pop_waiting(backlog, length), true) end
  commit()
end
local following = redis.call("ZRANGE", leases, 0, 0, "WITHSCORES")
local wait = following[2] and math.max(0, math.ceil(tonumber(following[2]) - now)) or -1
return { #again, #failed, wait }`,
  parse: (reply): Expired => {
    const [again, failed, wait] = list(reply).map(number);
    return {
      again: again ?? 0,
      failed: failed ?? 0,
      nextInMs: wait === undefined || wait < 0 ? null : wait,
    };
  },
});
