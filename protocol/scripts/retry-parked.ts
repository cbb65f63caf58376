/** The script `lua/retry-parked.lua`: what it answers. */
import { retryParkedLua } from "../lua/generated.ts";
import { number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** Tries up to `limit` nodes and `limit` jobs of each. Answers how many jobs still wait. */
export const retryParked = defineScript(retryParkedLua, number);
