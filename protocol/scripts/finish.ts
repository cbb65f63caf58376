/**
 * Ends attempts and fetches the next jobs, for all attempts and nodes of one subscriber that
 * gathered since its previous call. Repeat-safe: only the call that removes an attempt's lease
 * stores its outcome and frees its slot.
 */
import { defineScript } from "../script.ts";
import { clockLua } from "./lua/clock.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, text } from "../reply.ts";

/** `stored`: now. `repeated`: by an earlier call of the same attempt. `fenced`: the attempt had lost its lease. */
export type FinishVerdict = "stored" | "repeated" | "fenced";

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
 * List: for each attempt `id, token, node, state, result text`, where state `released` gives the
 * job back; then for each node `node, mode, waiting`. Modes: `take` fetches next jobs, `pass` leaves the slots
 * to whoever listens on the node's channel now, `keep` gives no slot back (the node has left).
 */
export const finish = defineScript({
  name: "finish",
  keys: ["jobs", "results", "leases", "backlog", "free", "nodes", "parked", "outbox"],
  args: [
    "queue",
    "channel",
    "results_channel",
    "unheard_ms",
    "foreign_ms",
    "clock",
    "hot",
    "attempts",
  ],
  uses: [clockLua, recordLua, placeLua],
  lua: `
local count = tonumber(attempts)
local ends, members = {}, {}
for i = 1, count do
  local at = first + (i - 1) * 5
  ends[i] = { id = ARGV[at], token = ARGV[at + 1], node = ARGV[at + 2], state = ARGV[at + 3], text = ARGV[at + 4] }
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

local freed, texts, returned, stored, verdicts, entry = {}, {}, {}, {}, {}, "-"
for i, ending in ipairs(ends) do
  if held[i] then
    verdicts[i] = "stored"
    freed[ending.node] = (freed[ending.node] or 0) + 1
    if ending.state == "released" then
      returned[#returned + 1] = ending.id
    else
      texts[#texts + 1] = ending.text
      stored[#stored + 1] = ending
    end
  else
    local ended = redis.call("HGET", results, ending.id)
    local same = ended and string.match(ended, "^%S+ %S+ (%S+)") == ending.token
    verdicts[i] = same and "repeated" or "fenced"
  end
end

if #stored > 0 then
  local batch = #texts == 1 and texts[1] or "[" .. table.concat(texts, ",") .. "]"
  entry = redis.call("XADD", outbox, clock, "results", batch)
  now = stamp_ms(entry)
  local fields = {}
  for _, ending in ipairs(stored) do
    fields[#fields + 1] = ending.id
    fields[#fields + 1] = table.concat({ ending.state, entry, ending.token, ending.node }, " ") .. "\\n" .. ending.text
  end
  call_in_chunks("HSET", results, fields)
  redis.call("PUBLISH", results_channel, batch)
end

local envelopes, takers, passed, still_waiting = {}, {}, 0, {}
local function start(node, job)
  if now == 0 then now = read_clock() end
  lease(job, node, tonumber(unheard_ms))
  envelopes[#envelopes + 1] = envelope_of(job)
end

for at = first + count * 5, #ARGV, 3 do
  local node, mode, slots = ARGV[at], ARGV[at + 1], freed[ARGV[at]] or 0
  if mode ~= "keep" and ARGV[at + 2] == "1" then
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
  if mode == "pass" then passed = passed + slots end
  if mode ~= "keep" then
    for _ = 1, slots do takers[#takers + 1] = node end
  end
end

-- Busy: look into the backlog first. Idle: give the slots back first; where free was not empty
-- before, the backlog is (the invariant), which saves the look.
local function feed(nodes_with_slots)
  local fed = pop_waiting(backlog, #nodes_with_slots)
  for i, job in ipairs(fed) do start(nodes_with_slots[i], job) end
  return #fed
end
if #takers > 0 and passed == 0 then
  local used = 0
  if hot == "1" then used = feed(takers) end
  if used < #takers then
    local length = redis.call("RPUSH", free, unpack(takers, used + 1))
    if hot ~= "1" and length == #takers then
      used = feed(takers)
      if used > 0 then redis.call("LPOP", free, used) end
    end
  end
elseif #takers > 0 then
  redis.call("RPUSH", free, unpack(takers))
  local list = pop_waiting(backlog, #takers)
  if #list > 0 then now = now > 0 and now or read_clock() end
  place(list, true)
end

if #returned > 0 then
  now = now > 0 and now or read_clock()
  local list = {}
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(returned))) do
    if record then list[#list + 1] = read_record(returned[i], record) end
  end
  place_all(list, true)
end
commit()
return { verdicts, envelopes, still_waiting, entry }`,
  parse: (reply): Finished => {
    const [verdicts, next, waiting, entry] = list(reply);
    return {
      verdicts: list(verdicts).map((verdict) => text(verdict) as FinishVerdict),
      next: list(next).map(text),
      waiting: list(waiting).map(text),
      entry: text(entry) === "-" ? null : text(entry),
    };
  },
});
