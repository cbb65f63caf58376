/** The script `lua/leave.lua`. It answers nothing. */
import { leaveLua } from "../lua/generated.ts";
import { defineScript } from "../redis/script.ts";

/** Does nothing if another subscriber has taken the node since, which then has another epoch. */
export const leave = defineScript(leaveLua, (): void => undefined);
