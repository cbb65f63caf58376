/**
 * Accepts jobs: writes each one down and sends it to a free slot, or lets it wait.
 * Repeat-safe: an id that is already known changes nothing and is answered with what is stored.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { dedupeLua } from "./lua/dedupe.ts";
import { dispatchOneLua } from "./lua/dispatch-one.ts";
import { dispatchPlainLua } from "./lua/dispatch-plain.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import type { Reply } from "../redis/port.ts";
import { list, text, word } from "../redis/reply.ts";

/** How a deduplication key was answered. */
export type DedupeVerdict = "rejected" | "returned" | "replaced" | "debounced";

/** What became of one job of a dispatch. Phases and states are as in the records. */
export type Placement =
  | { readonly kind: "placed"; readonly phase: string; readonly node: string | null }
  | {
      readonly kind: "known";
      readonly phase: string;
      readonly node: string | null;
      /** The stored content, where its text differs from what was sent now. */
      readonly other?: { readonly name: string; readonly target: string; readonly body: string };
    }
  | {
      readonly kind: DedupeVerdict;
      readonly phase: string;
      readonly node: string | null;
      /** The job that holds the key. */
      readonly id: string;
    }
  /** Nothing was changed: the content is signed for another place than that of the job that it would be, which is this. */
  | { readonly kind: "missigned"; readonly node: string | null; readonly id: string };

/**
 * List, for each job: `id, target, name, at, deadline, dedupe, body`. `at` and `deadline` are `-`, a time in
 * milliseconds, or `+` and milliseconds from now; `dedupe` is `-` or `mode window place key`, where `place`
 * is `<id>/<node>` for which the body is signed, or `-`.
 */
export const dispatch = defineScript({
  name: "dispatch",
  keys: ["jobs", "results", "leases", "backlog", "free", "nodes", "parked", "index", "due"],
  args: ["queue", "channel", "control", "unheard_ms", "foreign_ms", "clock", "dedupe_base"],
  uses: [clockLua, recordLua, leaseLua, dispatchOneLua, placeLua, dedupeLua, dispatchPlainLua],
  // SET (of a deduplication key) or XADD comes before any other write: where Redis is out of memory it
  // refuses the first write of a script and lets the others pass, so nothing is left half done.
  // XADD's id is at once time, token and index.
  lua: `
local ids, replies = {}, {}
for at = first, #ARGV, 7 do ids[#ids + 1] = ARGV[at] end
local stored = redis.call("HMGET", jobs, unpack(ids))
if not accepted and are_plain(stored) then
  accepted = redis.call("XADD", index, clock, "jobs", table.concat(ids, " "))
  now = stamp_ms(accepted)
  local is_done = dispatch_plain(replies)
  commit()
  if is_done then return replies end
end

local sent, known, fresh, fresh_ids = {}, {}, {}, {}
for i, id in ipairs(ids) do
  local at = first + (i - 1) * 7
  local job = not replies[i] and {
    id = id, target = ARGV[at + 1], name = ARGV[at + 2], at = ARGV[at + 3], deadline = ARGV[at + 4],
    dedupe = ARGV[at + 5], body = ARGV[at + 6], phase = "Q", node = "-", deliveries = 0, attempts = 0, place = i,
  }
  if job then
    sent[#sent + 1] = job
    job.same_as = known[id] or (stored[i] and read_record(id, stored[i]))
    if not job.same_as and job.dedupe ~= "-" then deduplicate(job, known) end
    if not job.same_as and not job.held_by then
      known[id] = job
      fresh[#fresh + 1] = job
      fresh_ids[#fresh_ids + 1] = id
    end
  end
end

local function moment(text)
  local relative = string.match(text, "^%+(%d+)$")
  return relative and now + tonumber(relative) or tonumber(text)
end

if #fresh > 0 then
  accepted = accepted or redis.call("XADD", index, clock, "jobs", table.concat(fresh_ids, " "))
  now = stamp_ms(accepted)
  if silent_node then lose(silent_node) end
  local ready = {}
  for _, job in ipairs(fresh) do
    job.accepted = accepted
    if job.deadline ~= "-" then job.deadline = string.format("%.0f", moment(job.deadline)) end
    -- A deadline that comes before the start, or has passed, is the job's next moment.
    local starts = job.at ~= "-" and moment(job.at) or now
    local ends = tonumber(job.deadline) or math.huge
    if starts > now or ends <= now then delay(job, math.min(starts, ends)) else ready[#ready + 1] = job end
  end
  place_all(ready, false)
end
for _, job in ipairs(sent) do
  local holder = job.held_by
  if holder and holder.is_changed then
    holder.is_changed = false
    if now == 0 then now = read_clock() end
    if holder.new_deadline then holder.deadline = string.format("%.0f", moment(holder.new_deadline)) end
    local ends = tonumber(holder.deadline) or math.huge
    if holder.new_at then
      unqueue(holder)
      delay(holder, math.min(moment(holder.new_at), ends))
    else
      save(holder)
      if holder.new_deadline then wake_at(holder, ends) end
    end
  end
end
commit()

local function where_is(job)
  local ended = redis.call("HGET", results, job.id)
  if not ended then return job.phase, job.node end
  return string.match(ended, "^%S+"), string.match(ended, "^%S+ %S+ %S+ (%S+)")
end

for _, job in ipairs(sent) do
  local other, i = job.same_as, job.place
  if job.held_by then
    local phase, node = where_is(job.held_by)
    replies[i] = { job.verdict, phase, node == "-" and job.held_by.target or node, job.held_by.id }
  elseif not other then
    replies[i] = job.phase .. " " .. job.node
  else
    local phase, node = where_is(other)
    if other.name == job.name and other.target == job.target and other.body == job.body then
      replies[i] = { "known", phase, node }
    else
      replies[i] = { "known", phase, node, other.name, other.target, other.body }
    end
  end
end
return replies`,
  parse: (reply): readonly Placement[] => list(reply).map(parsePlacement),
});

function parsePlacement(reply: Reply): Placement {
  if (!Array.isArray(reply)) {
    const [placed = "", at] = text(reply).split(" ");
    return { kind: "placed", phase: placed, node: word(at) };
  }
  const [first, phase, node, name, target, body] = list(reply);
  const kind = text(first) as Exclude<Placement["kind"], "placed">;
  const place = { phase: text(phase), node: word(node) };
  if (kind === "missigned") return { kind, node: place.node, id: text(name) };
  if (kind !== "known") return { kind, ...place, id: text(name) };
  if (body === undefined) return { kind, ...place };
  return { kind, ...place, other: { name: text(name), target: text(target), body: text(body) } };
}
