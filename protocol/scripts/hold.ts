/** Keeps the deliveries that a node whose event loop is blocked has not read yet. */
import { holdLua } from "../lua/generated.ts";
import { number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** Answers how many deliveries are kept; 0 if the node is another incarnation's by now. */
export const hold = defineScript(holdLua, (reply): number => number(reply));
