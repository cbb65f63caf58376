/**
 * Does what is due: places delayed jobs and retries, and ends jobs that were not started in time.
 * Repeat-safe: a moment is taken out as it is handled.
 */
import { runDueLua } from "../lua/generated.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** What `wake` did, and what is left to the caller. */
export interface FoundDue {
  readonly placed: number;
  readonly expired: number;
  /** Until the next moment, in milliseconds; 0 if more are due now, null if there is none. */
  readonly nextInMs: number | null;
  /** The time by which schedules were found due, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Schedules that are due: id, and the first two lines of the record. They stay due: see `advance.ts`. */
  readonly schedules: readonly { readonly id: string; readonly text: string }[];
}

/**
 * Handles at most `limit` moments a call, and names at most `max_schedules` schedules. `/<id>` is a schedule's
 * member, `!<id>` says that an ended one is to be forgotten.
 */
export const runDue = defineScript(runDueLua, (reply): FoundDue => {
  const [placed, expired, wait, now, found] = list(reply);
  return {
    placed: number(placed),
    expired: number(expired),
    nextInMs: number(wait) < 0 ? null : number(wait),
    nowMs: number(now),
    schedules: list(found).map((each) => {
      const [id, record] = list(each);
      return { id: text(id), text: text(record) };
    }),
  };
});
