/** Counts a request in a window that the first one opens. No clock is asked: the key's expiry is the window's end. */
import { countRequestLua } from "../lua/generated.ts";
import { number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * Answers null where the request is among the first `max` of its window, else how long the window lasts yet, in
 * milliseconds. What is refused counts too, and does not put off the end.
 */
export const countRequest = defineScript(countRequestLua, (reply): number | null =>
  text(reply) === "-" ? null : Math.max(0, number(reply)),
);
