/** Counts the schedules of a queue. Changes nothing. */
import { countSchedulesLua } from "../lua/generated.ts";
import { number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `before` is `-` for all, or a time: those that are due by then. */
export const countSchedules = defineScript(countSchedulesLua, number);
