/** A node takes no more jobs. Its running attempts keep their leases; jobs of its own wait for it. */
import { defineScript } from "../script.ts";

/** Does nothing where another subscriber has taken the node since (its epoch differs). */
export const leave = defineScript({
  name: "leave",
  keys: ["free", "nodes"],
  args: ["node", "epoch"],
  lua: `
local seat = redis.call("HGET", nodes, node)
if seat and string.match(seat, "^%S+") == epoch then
  redis.call("HDEL", nodes, node)
  redis.call("LREM", free, 0, node)
end
return 1`,
  parse: (): void => undefined,
});
