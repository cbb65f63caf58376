/** The script `lua/list-schedules.lua`: its arguments and the page that it answers. */
import { listSchedulesLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** A page, and the id that it ends at (null at the end of the list). */
export interface SchedulePage {
  /** Records without options and payload. */
  readonly schedules: readonly { readonly id: string; readonly text: string }[];
  readonly last: string | null;
}

/**
 * Starts after the id `from` (`-` for the first). `before` is a time, or `-`: only schedules whose next run is
 * due by then. Examines at most 1,000 a call, so a page can hold fewer than `limit`, even none, while `last` is set.
 */
export const listSchedules = defineScript(listSchedulesLua, (reply): SchedulePage => {
  const [rows, last] = list(reply);
  return {
    schedules: list(rows).map((row) => {
      const [id, record] = list(row);
      return { id: text(id), text: text(record) };
    }),
    last: text(last) === "" ? null : text(last),
  };
});
