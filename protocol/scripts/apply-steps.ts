/** The script `lua/apply-steps.lua`: its arguments and its verdicts. */
import { applyStepsLua } from "../lua/generated.ts";
import { oneOf, waitMs } from "../redis/answers.ts";
import { list, number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

const verdicts = ["advanced", "stale", "unknown", "repeated", "taken"] as const;

/**
 * `stale`: another caller has changed the record meanwhile. `unknown`: there is no such record, or it cannot be read. For a
 * run by hand also `repeated`: it was made before, and `taken`: another job has its id. Nothing was changed then.
 */
export type StepVerdict = (typeof verdicts)[number];

/** What a call did. */
export interface AppliedSteps {
  readonly verdicts: readonly StepVerdict[];
  /** How many jobs were made. */
  readonly made: number;
  /** Milliseconds until something in the queue is due; 0 if something is due now, null if nothing will be. */
  readonly nextInMs: number | null;
}

/** How long an ended schedule can still be read, in milliseconds. */
export const endedMs = 86_400_000;

/** How many runs of a schedule may wait for the previous one. */
export const maxWaiting = 100;

/** How often a schedule checks whether the run that others wait for has ended, in case its end went unnoticed. */
const recheckMs = 60_000;

/**
 * List, for each schedule: `id, version, state, covers, moved, next, due, count, runs, missed, keep, error, catch up`.
 * Version `-` stands for a record that the caller cannot read. `due` is a time, `-` for never, `=` for unchanged;
 * `runs` is `-` or `<time>:<flags>[:<nonce>]` separated by spaces, with flags `l` (late), `b` (backfilled),
 * `m` (by hand; made even while another runs) and `n` (none of them); `missed` is `-` or `<from> <to>`.
 */
export const applySteps = defineScript(applyStepsLua, (reply): AppliedSteps => {
  const [each, made, wait] = list(reply);
  return {
    verdicts: list(each).map((verdict) => oneOf(verdict, verdicts)),
    made: number(made),
    nextInMs: waitMs(wait),
  };
});

/** Arguments that are the same in every call. */
export const applyStepsArgs = {
  ended_ms: endedMs,
  max_waiting: maxWaiting,
  recheck_ms: recheckMs,
} as const;
