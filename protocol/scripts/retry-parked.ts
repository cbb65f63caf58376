/**
 * Tries again to send jobs that wait for one particular node: a foreign node says nothing when it starts to listen, and
 * the message that tells a busy node of waiting jobs may be lost.
 */
import { retryParkedLua } from "../lua/generated.ts";
import { number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** Tries up to `limit` nodes and `limit` jobs of each. Answers how many jobs still wait. */
export const retryParked = defineScript(retryParkedLua, number);
