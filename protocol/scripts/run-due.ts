/** The script `lua/run-due.lua`: what it did and what it leaves to the caller. */
import { runDueLua } from "../lua/generated.ts";
import { waitMs } from "../redis/answers.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** What a call did, and what it leaves to the caller. */
export interface FoundDue {
  readonly placed: number;
  readonly expired: number;
  /** Milliseconds until something is due; 0 if something is due now, null if nothing will be. */
  readonly nextInMs: number | null;
  /** The time at which the schedules were found due, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Schedules that are due: id, and the first two lines of the record. They stay due: see `apply-steps.ts`. */
  readonly schedules: readonly { readonly id: string; readonly text: string }[];
}

/**
 * Handles at most `limit` due items a call, and names at most `max_schedules` schedules. In the set of due items `/<id>`
 * stands for a schedule, and `!<id>` for an ended one that is to be deleted.
 */
export const runDue = defineScript(runDueLua, (reply): FoundDue => {
  const [placed, expired, wait, now, found] = list(reply);
  return {
    placed: number(placed),
    expired: number(expired),
    nextInMs: waitMs(wait),
    nowMs: number(now),
    schedules: list(found).map((each) => {
      const [id, record] = list(each);
      return { id: text(id), text: text(record) };
    }),
  };
});
