/**
 * Changes schedules by compare-and-set, and makes their runs in the same step: a moment is dealt with exactly
 * once, whoever comes first. Repeat-safe: a second call finds another version.
 */
import { applyStepsLua } from "../lua/generated.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `stale`: the record was changed meanwhile, by another who came first. */
export type StepVerdict = "advanced" | "stale" | "unknown";

/** What `advance` did. */
export interface AppliedSteps {
  readonly verdicts: readonly StepVerdict[];
  /** How many jobs were made. */
  readonly made: number;
  /** Until the next moment of the queue, in milliseconds; 0 if more are due now, null if there is none. */
  readonly nextInMs: number | null;
}

/** An ended schedule can be read for so long, in milliseconds. */
export const endedMs = 86_400_000;

/** How many runs wait for the previous one, at most. */
export const maxWaiting = 100;

/** How often a schedule looks whether a run that others wait for has ended, should its end go unnoticed. */
const recheckMs = 60_000;

/**
 * List, for each schedule: `id, version, state, covers, moved, next, due, count, runs, missed, keep, error`.
 * Version `-` stands for a record that the caller cannot read. `due` is a time, `-` for never, `=` for as it was; `runs` is `-` or `<time>:<flags>[:<nonce>]` separated by spaces, with flags `l` (late),
 * `b` (backfilled), `m` (by hand; made whatever else runs) and `n` (none of them); `missed` is `-` or `<from> <to>`.
 */
export const applySteps = defineScript(applyStepsLua, (reply): AppliedSteps => {
  const [verdicts, made, wait] = list(reply);
  return {
    verdicts: list(verdicts).map((each) => text(each) as StepVerdict),
    made: number(made),
    nextInMs: number(wait) < 0 ? null : number(wait),
  };
});

/** The arguments that do not change. */
export const applyStepsArgs = {
  ended_ms: endedMs,
  max_waiting: maxWaiting,
  recheck_ms: recheckMs,
} as const;
