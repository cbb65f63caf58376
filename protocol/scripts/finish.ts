/**
 * Ends attempts and fetches the next jobs, for all attempts and nodes of one subscriber that
 * gathered since its previous call. Repeat-safe: only the call that removes an attempt's lease
 * stores its outcome and frees its slot.
 */
import { defineScript } from "../script.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { endingArgs, endingKeys } from "./lua/ending.ts";
import { finishOneLua } from "./lua/finish-one.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, text } from "../reply.ts";

/** `stored`: now. `repeated`: by an earlier call of the same attempt. `fenced`: the attempt had lost its lease. */
export type FinishVerdict = "stored" | "repeated" | "fenced";

/** As the script says it: one letter an attempt, for a thousand of them are one string. */
const verdictOf: Readonly<Record<string, FinishVerdict>> = {
  s: "stored",
  r: "repeated",
  f: "fenced",
};

/** What `finish` answers. */
export interface Finished {
  readonly verdicts: readonly FinishVerdict[];
  /** Envelopes of the next jobs, already leased to the nodes they name. */
  readonly next: readonly string[];
  /** Nodes for which jobs of their own still wait. */
  readonly waiting: readonly string[];
  /** The outbox entry that now holds the stored results, if any. */
  readonly entry: string | null;
}

/**
 * List: for each attempt `id, token, node, state, delay ms, text`, then for each node `node, mode, waiting`.
 * State `released` gives the job back; `refused` too, which was never started: its node does not serve the queue; `retry` has it wait for the delay, its text being the failure; else
 * the text is the result message. Mode `take` fetches next jobs; `pass` fetches none: the caller has left
 * the node, or another has taken it, and its slots are that one's.
 */
export const finish = defineScript({
  name: "finish",
  keys: [...endingKeys],
  args: [...endingArgs, "hot", "attempts"],
  uses: [clockLua, recordLua, leaseLua, finishOneLua, placeLua, endLua],
  lua: `
local count = ended_entry and 0 or tonumber(attempts)
local ends, members = {}, {}
for i = 1, count do
  local at = first + (i - 1) * 6
  ends[i] = {
    id = ARGV[at], token = ARGV[at + 1], node = ARGV[at + 2], state = ARGV[at + 3],
    delay_ms = tonumber(ARGV[at + 4]), text = ARGV[at + 5],
  }
  members[i] = ARGV[at] .. " " .. ARGV[at + 1] .. " " .. ARGV[at + 2]
end

-- The lease is the fence: whoever removes it speaks for the job.
local held = {}
if count == 1 then
  held[1] = redis.call("ZREM", leases, members[1]) == 1
elseif count > 1 then
  local scores, gone, seen = redis.call("ZMSCORE", leases, unpack(members)), {}, {}
  for i, lease_end in ipairs(scores) do
    held[i] = lease_end and not seen[members[i]] or false
    seen[members[i]] = true
    if held[i] then gone[#gone + 1] = members[i] end
  end
  if #gone > 0 then redis.call("ZREM", leases, unpack(gone)) end
end

-- Whether this very outcome was stored before. The token alone does not tell: a job that was ended because
-- its attempt was lost has the token of that attempt.
local function is_known(ending)
  if ending.state == "retry" or ending.state == "refused" then
    local record = redis.call("HGET", jobs, ending.id)
    local job = record and read_record(ending.id, record)
    if ending.state == "refused" then return job and token_of(job) == ending.token end
    local latest = string.match(redis.call("HGET", errors, ending.id) or "", "^[^\\n]*")
    return job and token_of(job) == ending.token and string.find(latest, '"error":' .. ending.text .. "}", 1, true)
  end
  local state, token, text =
    string.match(redis.call("HGET", results, ending.id) or "", "^(%S+) %S+ (%S+) %S+\\n(.*)$")
  return state == ending.state and token == ending.token and text == ending.text
end

local freed, texts, returned, retried, stored, verdicts, entry = {}, {}, {}, {}, {}, {}, ended_entry or "-"
if ended_entry then
  verdicts[1], freed[ARGV[first + 2]] = "s", 1
end
for i, ending in ipairs(ends) do
  if held[i] then
    verdicts[i] = "s"
    freed[ending.node] = (freed[ending.node] or 0) + 1
    if ending.state == "released" or ending.state == "refused" then
      returned[#returned + 1] = ending
    elseif ending.state == "retry" then
      retried[#retried + 1] = ending
    else
      texts[#texts + 1] = ending.text
      stored[#stored + 1] = ending
    end
  else
    verdicts[i] = is_known(ending) and "r" or "f"
  end
end

if #stored > 0 then
  local batch = #texts == 1 and texts[1] or "[" .. table.concat(texts, ",") .. "]"
  entry = redis.call("XADD", outbox, clock, "results", batch)
  now = stamp_ms(entry)
  local fields, failures, stored_ids = {}, {}, {}
  for i, ending in ipairs(stored) do
    stored_ids[i] = ending.id
    if ending.state == "failed" then
      failures[#failures + 1] = now
      failures[#failures + 1] = ending.id
    end
    fields[#fields + 1] = ending.id
    fields[#fields + 1] = table.concat({ ending.state, entry, ending.token, ending.node }, " ") .. "\\n" .. ending.text
  end
  call_in_chunks("HSET", results, fields)
  call_in_chunks("ZADD", failed, failures)
  redis.call("PUBLISH", results_channel, batch)
  follow_runs(stored_ids, now)
end

-- A failed attempt that leaves others: the job waits for its moment, unless it was cancelled meanwhile.
if #retried > 0 then
  now = now > 0 and now or read_clock()
  for _, ending in ipairs(retried) do
    local record = redis.call("HGET", jobs, ending.id)
    local job = record and read_record(ending.id, record)
    if job then
      job.attempts = job.attempts + 1
      remember_error(job.id, job.attempts, ending.node, ending.text)
      if job.phase == "C" then
        end_job(job, "cancelled", json_error("cancelled", "cancelled while it ran", "false"))
      else
        delay(job, now + ending.delay_ms)
      end
    end
  end
end

local envelopes, takers, still_waiting = {}, {}, {}
local function start(node, job)
  if now == 0 then now = read_clock() end
  lease(job, node, unheard_ms)
  envelopes[#envelopes + 1] = envelope_of(job)
end

-- Slots whose node is not the caller's any more: put right at the end, for whoever has the node now.
local strange = {}
for at = first + attempts * 6, #ARGV, 3 do
  local node, mode, slots = ARGV[at], ARGV[at + 1], freed[ARGV[at]] or 0
  freed[node] = nil
  if mode == "pass" then
    strange[node] = true
  else
    if ARGV[at + 2] == "1" then
      local own = backlog .. ":" .. node
      local length = redis.call("LLEN", own)
      if slots < length then slots = slots + redis.call("LREM", free, length - slots, node) end
      for _, job in ipairs(pop_waiting(own, slots)) do
        start(node, job)
        slots = slots - 1
      end
      if redis.call("LLEN", own) > 0 then
        still_waiting[#still_waiting + 1] = node
      else
        redis.call("SREM", parked, node)
      end
    end
    for _ = 1, slots do takers[#takers + 1] = node end
  end
end
for node in pairs(freed) do strange[node] = true end

-- Busy: look into the backlog first. Idle: give the slots back first; where free was not empty
-- before, the backlog is (the invariant), which saves the look.
local function feed(nodes_with_slots)
  local fed = pop_waiting(backlog, #nodes_with_slots)
  for i, job in ipairs(fed) do start(nodes_with_slots[i], job) end
  return #fed
end
if #takers > 0 then
  local used = 0
  if hot == "1" then used = feed(takers) end
  if used < #takers then
    local length = redis.call("RPUSH", free, unpack(takers, used + 1))
    if hot ~= "1" and length == #takers then
      used = feed(takers)
      if used > 0 then redis.call("LPOP", free, used) end
    end
  end
end

if #returned > 0 then
  now = now > 0 and now or read_clock()
  local list, ids = {}, {}
  for i, ending in ipairs(returned) do ids[i] = ending.id end
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(ids))) do
    local job = record and read_record(ids[i], record)
    if returned[i].state == "refused" then
      -- Known from now on, and not connected: jobs for it wait until it joins.
      redis.call("HSETNX", nodes, returned[i].node, "0 0 0 {}")
    elseif job then
      job.deadline = "-" -- it was started in time
    end
    if job and job.phase == "C" then
      end_job(job, "cancelled", json_error("cancelled", "cancelled while it ran", "false"))
    elseif job and is_too_late(job, now) then
      end_job(job, "expired", json_error("expired", "not started before its deadline", "false"))
    elseif job then
      list[#list + 1] = job
    end
  end
  place_all(list, true)
end
commit()
commit_ends()
if next(strange) then
  now = now > 0 and now or read_clock()
  for node in pairs(strange) do reseat(node) end
  pair_up()
end
return { table.concat(verdicts), envelopes, still_waiting, entry }`,
  parse: (reply): Finished => {
    const [verdicts, next, waiting, entry] = list(reply);
    return {
      verdicts: text(verdicts)
        .split("")
        .map((letter) => verdictOf[letter] ?? "fenced"),
      next: list(next).map(text),
      waiting: list(waiting).map(text),
      entry: text(entry) === "-" ? null : text(entry),
    };
  },
});
