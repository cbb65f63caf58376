/**
 * A node takes no more jobs. While it drains, its row stays and is marked: its attempts do not count as lost, and it does
 * not count as a foreign node. Jobs that only it may run wait for its next join.
 */
import { leaveLua } from "../lua/generated.ts";
import { defineScript } from "../redis/script.ts";

/** Does nothing if another subscriber has taken the node since, which then has another epoch. */
export const leave = defineScript(leaveLua, (): void => undefined);
