/** The script `lua/list-jobs.lua`: its arguments and the page that it answers. */
import { listJobsLua } from "../lua/generated.ts";
import { list as array, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** A line of the list: heads of the records only, so that payloads are not sent. */
export interface Listed {
  readonly id: string;
  /** List cursor: the index entry, and the place in it. */
  readonly entry: string;
  readonly place: number;
  /** Head of the job's record. */
  readonly record: string;
  /** Head of its result's record, once it has ended. */
  readonly ended: string | null;
}

/** A page, and where the next one starts (`null` at the end). */
export interface Page {
  readonly jobs: readonly Listed[];
  readonly next: { readonly entry: string; readonly place: number } | null;
}

/**
 * Starts after (older than) `entry`, `place`; `+`, `0` is the newest. `state` and `name` are `-` for
 * any. Examines at most 1,000 jobs or 8 MiB a call, so a page can hold fewer than `limit`, even none,
 * while `next` is set.
 */
export const listJobs = defineScript(listJobsLua, (reply): Page => {
  const [rows, last] = array(reply);
  const [entry, place] = array(last);
  return {
    jobs: array(rows).map((row) => {
      const [id, stamp, position, record, ended] = array(row);
      return {
        id: text(id),
        entry: text(stamp),
        place: number(position),
        record: text(record),
        ended: text(ended) === "" ? null : text(ended),
      };
    }),
    next: entry === undefined ? null : { entry: text(entry), place: number(place) },
  };
});
