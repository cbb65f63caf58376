/** The script `lua/count-request.lua`: what it answers. */
import { countRequestLua } from "../lua/generated.ts";
import { number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * Answers null if the request is among the first `max` of its window, else the milliseconds left of the window. Refused
 * requests count too, and do not prolong it.
 */
export const countRequest = defineScript(countRequestLua, (reply): number | null =>
  text(reply) === "-" ? null : Math.max(0, number(reply)),
);
