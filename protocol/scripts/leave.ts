/**
 * A node takes no more jobs. While it drains its seat stays, marked: what it runs is not taken for lost
 * and it is not taken for a stranger that listens. Jobs of its own wait for its next join.
 */
import { leaveLua } from "../lua/generated.ts";
import { defineScript } from "../redis/script.ts";

/** Does nothing where another subscriber has taken the node since (its epoch differs). */
export const leave = defineScript(leaveLua, (): void => undefined);
