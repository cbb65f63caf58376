/**
 * Accepts jobs: writes each one down and sends it to a free slot, or lets it wait.
 * Repeat-safe: an id that is already known changes nothing and is answered with what is stored.
 */
import { defineScript } from "../script.ts";
import { clockLua } from "./lua/clock.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, text, word } from "../reply.ts";

/** What became of one job of a dispatch. */
export type Placement =
  | { readonly kind: "placed"; readonly phase: "running" | "queued"; readonly node: string | null }
  | {
      readonly kind: "known";
      readonly phase: string;
      readonly node: string | null;
      /** The stored content, where its text differs from what was sent now. */
      readonly other?: { readonly name: string; readonly target: string; readonly body: string };
    };

/** See `Ledger.dispatch`. List: `id, target or "-", name, body` for each job. */
export const dispatch = defineScript({
  name: "dispatch",
  keys: ["jobs", "results", "leases", "backlog", "free", "nodes", "parked", "index"],
  args: ["queue", "channel", "unheard_ms", "foreign_ms", "clock"],
  uses: [clockLua, recordLua, placeLua],
  // XADD comes before any other write: where Redis is out of memory it refuses the first write of a
  // script and lets the others pass, so nothing is left half done. Its id is time, token and index.
  lua: `
local sent, ids = {}, {}
for at = first, #ARGV, 4 do
  local job = { id = ARGV[at], target = ARGV[at + 1], name = ARGV[at + 2], body = ARGV[at + 3] }
  job.phase, job.node, job.deliveries, job.attempts = "Q", "-", 0, 0
  sent[#sent + 1] = job
  ids[#ids + 1] = job.id
end

local stored = redis.call("HMGET", jobs, unpack(ids))
local known, fresh, fresh_ids = {}, {}, {}
for i, job in ipairs(sent) do
  local other = known[job.id] or (stored[i] and read_record(job.id, stored[i]))
  if other then
    job.same_as = other
  else
    known[job.id] = job
    fresh[#fresh + 1] = job
    fresh_ids[#fresh_ids + 1] = job.id
  end
end

if #fresh > 0 then
  local accepted = redis.call("XADD", index, clock, "jobs", table.concat(fresh_ids, " "))
  now = stamp_ms(accepted)
  for _, job in ipairs(fresh) do job.accepted = accepted end
  place_all(fresh, false)
  commit()
end

local replies = {}
for i, job in ipairs(sent) do
  local other = job.same_as
  if not other then
    replies[i] = { "placed", job.phase, job.node }
  else
    local ended = redis.call("HGET", results, job.id)
    local phase = ended and string.match(ended, "^%S+") or other.phase
    local node = ended and string.match(ended, "^%S+ %S+ %S+ (%S+)") or other.node
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

function parsePlacement(reply: Parameters<typeof list>[0]): Placement {
  const [kind, phase, node, name, target, body] = list(reply);
  const where = word(node);
  if (text(kind) === "placed") {
    return { kind: "placed", phase: text(phase) === "R" ? "running" : "queued", node: where };
  }
  const known = { kind: "known", phase: text(phase), node: where } as const;
  if (body === undefined) return known;
  return { ...known, other: { name: text(name), target: text(target), body: text(body) } };
}
