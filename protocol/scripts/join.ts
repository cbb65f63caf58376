/**
 * A node says that it listens (after every subscription, first or again) and which attempts it is
 * running. It gets back, on its channel, the jobs assigned to it that it never heard of.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, number, text } from "../redis/reply.ts";

/** What `join` answers. `superseded`: another subscriber has taken the node since. */
export type Joined =
  | { readonly kind: "superseded" }
  | {
      readonly kind: "joined";
      /** Names this node's present incarnation. */
      readonly epoch: string;
      /** Positions (from 0) of the running attempts that have lost their lease. */
      readonly lost: readonly number[];
      /** Whether anybody listens on the node's channel at the Redis that ran this. */
      readonly isHeard: boolean;
    };

/**
 * List: lease members of the attempts that the node is running or whose outcome it has yet to send.
 * `epoch` is `-` at the first join of a process. The `joined` message on the node's channel divides
 * what was sent to the former incarnation from what is sent to this one.
 */
export const join = defineScript({
  name: "join",
  keys: [
    "jobs",
    "results",
    "leases",
    "backlog",
    "own_backlog",
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
    "node",
    "epoch",
    "slots",
    "info",
    "channel",
    "control",
    "results_channel",
    "unheard_ms",
    "foreign_ms",
    "clock",
  ],
  uses: [clockLua, recordLua, leaseLua, placeLua, endLua],
  lua: `
now = read_clock()
local seat = redis.call("HGET", nodes, node)
local present = seat and string.match(seat, "^%d+") or "0"
if epoch ~= "-" and tonumber(present) > tonumber(epoch) then return { "superseded" } end
redis.call("LREM", free, 0, node) -- a write that is allowed even where memory has run out
local is_draining = seat and string.match(seat, "^%S+ %S+ 2")
local fresh = epoch == "-"
if fresh then epoch = string.format("%.0f", math.max(now, tonumber(present) + 1)) end

redis.call("HSET", nodes, node, epoch .. " " .. slots .. " 1 " .. info)
local listeners = redis.call("PUBLISH", channel .. node,
  '{"v":1,"queue":"' .. queue .. '","joined":"' .. epoch .. '"}')

local running, lost = {}, {}
for i = first, #ARGV do running[ARGV[i]] = i - first end

-- All leases of the queue are read: as many as jobs run, at each join only. One that was heard of and is
-- not ours is a former incarnation's, which may live: it renews the lease, or lets it end.
local missed, dead, mine = {}, {}, " " .. node
local all = redis.call("ZRANGE", leases, 0, -1, "WITHSCORES")
for i = 1, #all, 2 do
  local member = all[i]
  if string.sub(member, -#mine) == mine and string.match(member, "^%S+ %S+ %S+$") then
    local heard = tonumber(all[i + 1]) % 1 ~= 0
    if running[member] then
      running[member] = nil
    elseif fresh and listeners <= 1 and not is_draining then
      dead[#dead + 1] = { member = member, heard = heard }
    elseif not fresh and not heard then
      missed[#missed + 1] = member
    end
  end
end
for _, position in pairs(running) do lost[#lost + 1] = position end

-- Missed: the same delivery is sent again with the same token; the node knows what it runs already.
-- One that is to be cancelled is sent and cancelled, so that its node ends it.
local until_, renewed = score(now + tonumber(unheard_ms)), {}
for i, member in ipairs(missed) do renewed[i * 2 - 1], renewed[i * 2] = until_, member end
for from = 1, #renewed, 4000 do
  redis.call("ZADD", leases, "XX", unpack(renewed, from, math.min(from + 3999, #renewed)))
end
for from = 1, #missed, 25 do
  if is_spent(node) then
    ask_again(node)
    break
  end
  local ids, envelopes, cancels = {}, {}, {}
  for i = from, math.min(from + 24, #missed) do ids[#ids + 1] = string.match(missed[i], "^%S+") end
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(ids))) do
    local job = record and read_record(ids[i], record)
    if job then
      envelopes[#envelopes + 1] = envelope_of(job)
      if job.phase == "C" then cancels[#cancels + 1] = missed[from + i - 1] end
    end
  end
  if #envelopes > 0 then publish(node, envelopes) end
  for _, member in ipairs(cancels) do
    redis.call("PUBLISH", control, '{"v":1,"queue":"' .. queue .. '","cancel":"' .. member .. '"}')
  end
end

-- Dead: the process that held the node before is gone, and so are its attempts.
local again = {}
for _, attempt in ipairs(dead) do
  redis.call("ZREM", leases, attempt.member)
  local id = string.match(attempt.member, "^%S+")
  local record = redis.call("HGET", jobs, id)
  local job = record and read_record(id, record)
  if job and survives_loss(job, attempt.heard, node) then again[#again + 1] = job end
end
place_all(again, true)
commit()
commit_ends()

local open = reseat(node)
local own = pop_waiting(own_backlog, open)
if #own > 0 then place_at(node, own, true) end
if redis.call("LLEN", own_backlog) == 0 then
  redis.call("SREM", parked, node)
elseif open == #own then
  redis.call("PUBLISH", channel .. node, '{"v":1,"queue":"' .. queue .. '","waiting":true}')
end
pair_up()
return { "joined", epoch, lost, listeners }`,
  parse: (reply): Joined => {
    const [kind, epoch, lost, listeners] = list(reply);
    if (text(kind) === "superseded") return { kind: "superseded" };
    return {
      kind: "joined",
      epoch: text(epoch),
      lost: list(lost).map(number),
      isHeard: number(listeners) > 0,
    };
  },
});
