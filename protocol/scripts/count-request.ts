/** Counts a request in a window that the first one opens. No clock is asked: the key's expiry is the window's end. */
import { defineScript } from "../redis/script.ts";
import { number, text } from "../redis/reply.ts";

/**
 * Answers null where the request is among the first `max` of its window, else how long the window lasts yet, in
 * milliseconds. What is refused counts too, and does not put off the end.
 */
export const countRequest = defineScript({
  name: "count-request",
  keys: ["counter"],
  args: ["max", "window_ms"],
  lua: `
local count = redis.call("INCR", counter)
if count == 1 then redis.call("PEXPIRE", counter, window_ms) end
if count <= tonumber(max) then return "-" end
return tostring(redis.call("PTTL", counter))`,
  parse: (reply): number | null => (text(reply) === "-" ? null : Math.max(0, number(reply))),
});
