/**
 * Ends attempts and fetches the next jobs, for all attempts and nodes of one subscriber that
 * gathered since its previous call. Repeat-safe: only the call that removes an attempt's lease
 * stores its outcome and frees its slot.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { endingArgs, endingKeys } from "./lua/ending.ts";
import { finishOneLua } from "./lua/finish-one.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, text } from "../redis/reply.ts";

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
local members = {}
for i = 1, count do
  local at = first + (i - 1) * 6
  members[i] = ARGV[at] .. " " .. ARGV[at + 1] .. " " .. ARGV[at + 2]
end

local function ending_at(at)
  return {
    id = ARGV[at], token = ARGV[at + 1], node = ARGV[at + 2], state = ARGV[at + 3],
    delay_ms = tonumber(ARGV[at + 4]), text = ARGV[at + 5],
  }
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
for i = 1, count do
  local at = first + (i - 1) * 6
  local node, state = ARGV[at + 2], ARGV[at + 3]
  if not held[i] then
    verdicts[i] = is_known(ending_at(at)) and "r" or "f"
  else
    verdicts[i] = "s"
    freed[node] = (freed[node] or 0) + 1
    if state == "released" or state == "refused" then
      returned[#returned + 1] = ending_at(at)
    elseif state == "retry" then
      retried[#retried + 1] = ending_at(at)
    else
      texts[#texts + 1] = ARGV[at + 5]
      stored[#stored + 1] = at
    end
  end
end

if #stored > 0 then
  local batch = #texts == 1 and texts[1] or "[" .. table.concat(texts, ",") .. "]"
  entry = redis.call("XADD", outbox, clock, "results", batch)
  now = stamp_ms(entry)
  local fields, failures, stored_ids = {}, {}, {}
  for i, at in ipairs(stored) do
    local id, state = ARGV[at], ARGV[at + 3]
    stored_ids[i] = id
    if state == "failed" then
      failures[#failures + 1] = now
      failures[#failures + 1] = id
    end
    fields[#fields + 1] = id
    fields[#fields + 1] = state .. " " .. entry .. " " .. ARGV[at + 1] .. " " .. ARGV[at + 2] .. "\\n" .. texts[i]
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

-- The short way for a job that has no deadline and no target, as most: its text is copied, not read.
local function start_plain(node, id, record)
  local accepted, deliveries, tried, name_at, name, body_at =
    string.match(record, "^Q (%S+) (%d+) (%d+) %- %- %- ()(%S+)\\n()")
  local delivery = accepted and counts[deliveries] and digits[counts[deliveries] + 1]
  local attempt = delivery and counts[tried] and digits[counts[tried] + 1]
  if not attempt then return false end
  if now == 0 then now = read_clock() end
  lease_ends[unheard_ms] = lease_ends[unheard_ms] or score(now + unheard_ms)
  local token = accepted .. "." .. delivery
  local at = #new_records
  new_records[at + 1] = id
  new_records[at + 2] = "R " .. accepted .. " " .. delivery .. " " .. tried .. " - " .. node .. " - " ..
    string.sub(record, name_at)
  at = #new_leases
  new_leases[at + 1] = lease_ends[unheard_ms]
  new_leases[at + 2] = id .. " " .. token .. " " .. node
  envelopes[#envelopes + 1] = envelope_head(node, token, attempt) .. id .. '","name":"' .. name .. '"' ..
    string.sub(record, body_at)
  return true
end

-- Busy: look into the backlog first. Idle: give the slots back first; where free was not empty
-- before, the backlog is (the invariant), which saves the look.
local function feed(nodes_with_slots)
  local used, wanted = 0, #nodes_with_slots
  while used < wanted do
    local asked = math.min(wanted - used, 1000)
    local ids = redis.call("LPOP", backlog, asked)
    if not ids then break end
    local records = redis.call("HMGET", jobs, unpack(ids))
    for i, id in ipairs(ids) do
      local node, record = nodes_with_slots[used + 1], records[i]
      if record and start_plain(node, id, record) then
        used = used + 1
      else
        local job = read_waiting(id, record)
        if job then
          start(node, job)
          used = used + 1
        end
      end
    end
    if #ids < asked then break end
  end
  return used
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
