/**
 * Tries again the jobs that wait for one node: a foreign node says nothing when it starts to
 * listen, and the message that tells a busy node of waiting jobs may be lost.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { number } from "../redis/reply.ts";

/** Looks at up to `limit` nodes and `limit` jobs of each. Answers how many jobs still wait. */
export const retryParked = defineScript({
  name: "unpark",
  keys: ["jobs", "leases", "backlog", "free", "nodes", "parked", "due"],
  args: ["queue", "channel", "control", "unheard_ms", "foreign_ms", "clock", "limit"],
  uses: [clockLua, recordLua, leaseLua, placeLua],
  lua: `
local waiting = 0
for _, node in ipairs(redis.call("SRANDMEMBER", parked, limit)) do
  if now == 0 then now = read_clock() end
  local own = backlog .. ":" .. node
  local seat = redis.call("HGET", nodes, node)
  if not seat or string.match(seat, "^%S+ %S+ 1") then
    local list = pop_waiting(own, tonumber(limit))
    if #list > 0 then place_at(node, list, true) end
  end
  local length = redis.call("LLEN", own)
  waiting = waiting + length
  if length == 0 then redis.call("SREM", parked, node) end
end
commit()
return waiting`,
  parse: number,
});
