/** The script `lua/count-request.lua`: what it answers. */
import { countRequestLua } from "../lua/generated.ts";
import { number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * Answers null if the request, or each of its jobs, is among the first `max` of its window, else the milliseconds left of the
 * window. A single request that is refused counts too; neither prolongs the window.
 */
export const countRequest = defineScript(countRequestLua, (reply): number | null =>
  text(reply) === "-" ? null : Math.max(0, number(reply)),
);
