/** The script `lua/read-schedules.lua`: its arguments and the records that it answers. */
import { readSchedulesLua } from "../lua/generated.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** List: ids. Answers the records in their order; null for an unknown id. */
export const readSchedules = defineScript(
  readSchedulesLua,
  (reply): { readonly nowMs: number; readonly records: readonly (string | null)[] } => {
    const [now, records] = list(reply);
    return {
      nowMs: number(now),
      records: list(records).map((record) => (record === null ? null : text(record))),
    };
  },
);
