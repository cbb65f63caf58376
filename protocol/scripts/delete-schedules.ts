/** The script `lua/delete-schedules.lua`: its arguments and its answers. */
import { deleteSchedulesLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import { list } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

const answers = ["deleted", "unknown", "foreign"] as const;

/** `foreign`: another source made it. */
export type DeletedSchedule = (typeof answers)[number];

/** List: ids. */
export const deleteSchedules = defineScript(
  deleteSchedulesLua,
  (reply): readonly DeletedSchedule[] => list(reply).map((each) => oneOf(each, answers)),
);
