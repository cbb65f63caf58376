/**
 * A node takes no more jobs. While it drains its seat stays, marked: what it runs is not taken for lost
 * and it is not taken for a stranger that listens. Jobs of its own wait for its next join.
 */
import { defineScript } from "../redis/script.ts";

/** Does nothing where another subscriber has taken the node since (its epoch differs). */
export const leave = defineScript({
  name: "leave",
  keys: ["free", "nodes"],
  args: ["node", "epoch", "step"],
  lua: `
local seat = redis.call("HGET", nodes, node)
if not seat or string.match(seat, "^%S+") ~= epoch then return 0 end
redis.call("LREM", free, 0, node)
if step == "gone" then
  redis.call("HDEL", nodes, node)
else
  redis.call("HSET", nodes, node, (string.gsub(seat, "^(%S+ %S+) %d", "%1 2")))
end
return 1`,
  parse: (): void => undefined,
});
