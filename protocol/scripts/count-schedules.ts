/** The script `lua/count-schedules.lua`: its argument. */
import { countSchedulesLua } from "../lua/generated.ts";
import { number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `before` is `-` for all, or a time: those that are due by then. */
export const countSchedules = defineScript(countSchedulesLua, number);
