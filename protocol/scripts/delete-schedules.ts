/** Deletes schedules and their history; the jobs that they made stay. */
import { deleteSchedulesLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `foreign`: another source made it. */
export type DeletedSchedule = "deleted" | "unknown" | "foreign";

/** List: ids. */
export const deleteSchedules = defineScript(
  deleteSchedulesLua,
  (reply): readonly DeletedSchedule[] => list(reply).map((each) => text(each) as DeletedSchedule),
);
