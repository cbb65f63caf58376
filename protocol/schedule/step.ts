/** A step of a schedule, and what planning it goes by: shared by `plan.ts`, `catch-up.ts` and `change.ts`. */
import { SignalboxError } from "../error.ts";
import type { CatchUp, Clockwork, Plan, ScheduleState } from "./schedule.ts";
import { jitterOf, type Timeline } from "./timeline.ts";

/** One run to be made. */
export interface PlannedRun {
  /** The time it was scheduled for. */
  readonly at: number;
  readonly late: boolean;
  readonly backfilled: boolean;
  /** Distinguishes the ids of runs that were requested by hand. */
  readonly nonce?: string;
}

/** A change of one schedule, applied only if its record still has `version`. Times are milliseconds since 1970. */
export interface Step {
  readonly id: string;
  readonly version: string;
  readonly state: ScheduleState;
  readonly coversMs: number | null;
  readonly movedMs: number | null;
  readonly nextMs: number | null;
  /** When it is due next: its next time and the jitter of that; null for never. */
  readonly dueMs: number | null;
  readonly runs: readonly PlannedRun[];
  /** Times that are not run: the first and the last of them. */
  readonly missed: { readonly from: number; readonly to: number } | null;
  readonly count: number | null;
  readonly keepHistory: number;
  /** Why it is `faulty`; else empty. */
  readonly error: string;
  /** Absent or null unless missed times are being made up for. */
  readonly catchUp?: CatchUp | null;
}

/** A step that leaves everything as it is. */
export function unchangedStep(schedule: Clockwork): Step {
  const { id, version, state, coversMs, movedMs, nextMs, plan, catchUp = null } = schedule;
  return {
    id,
    version,
    state,
    coversMs,
    movedMs,
    nextMs,
    dueMs: null,
    runs: [],
    missed: null,
    count: plan.count ?? null,
    keepHistory: plan.keepHistory,
    error: "",
    catchUp,
  };
}

/** What a step makes of a schedule, its runs apart. */
export function changedBy(step: Step): Pick<Step, "state" | "coversMs" | "movedMs" | "nextMs"> {
  const { state, coversMs, movedMs, nextMs } = step;
  return { state, coversMs, movedMs, nextMs };
}

/** Whether a rule has one time only. */
export function isOnce({ rule }: Pick<Plan, "rule">): boolean {
  return rule.kind === "at" || rule.kind === "in";
}

/** The times after this are still to come. A single time may precede the making of its schedule. */
export function floorOf(schedule: Clockwork): number {
  if (schedule.coversMs !== null) return schedule.coversMs;
  return isOnce(schedule.plan) ? -Infinity : schedule.anchorMs - 1;
}

/** When the run of time `at` is due: its jitter included. */
export function dueTime({ id, plan }: Pick<Clockwork, "id" | "plan">, at: number): number {
  return at + jitterOf(id, at, plan.jitterMs ?? 0);
}

/** Whether a run that is made now for time `at` is later than the grace allows. */
export function isLate(schedule: Clockwork, at: number, nowMs: number): boolean {
  return nowMs - dueTime(schedule, at) > schedule.plan.graceMs;
}

/** The first time that is still to come; known from the previous step unless the next run was moved since. */
export function firstTime(schedule: Clockwork, times: Timeline): number | null {
  const { coversMs, movedMs, nextMs } = schedule;
  if (runsLeft(schedule) <= 0) return null;
  const isKnown = coversMs !== null && movedMs === null && nextMs !== null;
  return isKnown ? nextMs : times.after(floorOf(schedule));
}

/** How many more runs the schedule may make; runs that wait for a previous one are counted as made. */
export function runsLeft({ plan, made, waiting }: Clockwork): number {
  return (plan.count ?? Infinity) - made - waiting.length;
}

/**
 * The first time after `ms`.
 * @throws SignalboxError `schedule_invalid` if the times do not go on
 */
export function later(times: Timeline, ms: number): number | null {
  const found = times.after(ms);
  if (found === null || found > ms) return found;
  throw new SignalboxError("schedule_invalid", `expected a time after ${ms}, got ${found}`);
}
