/**
 * Plans a schedule: which of its times are run now, which were missed, and when it is due next. Pure: the same record at
 * the same time gives the same step, for every caller.
 */
import { SignalboxError } from "../error.ts";
import { createCronClock, type CronClock } from "./cron.ts";
import type { Clockwork, Plan, ScheduleState } from "./schedule.ts";
import { jitterOf, type Timeline, timelineOf } from "./timeline.ts";

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
}

/** How many times are walked through one by one if jitter delays them; the next step continues. */
const maxWalk = 100;

/**
 * The step at `nowMs`, with at most `room` runs (1 or more). If more are wanted, the schedule stays due.
 * A schedule whose times cannot be computed becomes `faulty`, so that it is not planned again and again.
 */
export function planStep(schedule: Clockwork, nowMs: number, clock: CronClock, room: number): Step {
  try {
    return computeStep(schedule, nowMs, clock, room);
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    return {
      ...unchangedStep(schedule),
      state: "faulty",
      nextMs: null,
      dueMs: null,
      error: error.message,
    };
  }
}

/** A step that leaves everything as it is. */
export function unchangedStep(schedule: Clockwork): Step {
  const { id, version, state, coversMs, movedMs, nextMs, plan } = schedule;
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
  };
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

/** The next `n` times of a schedule, as they are planned now; none unless it is active. */
export function nextTimes(schedule: Clockwork, n: number): readonly number[] {
  if (schedule.state !== "active") return [];
  const left = Math.min(n, runsLeft(schedule));
  const times = timelineOf(schedule.plan, schedule.anchorMs, createCronClock());
  const found: number[] = schedule.movedMs === null ? [] : [schedule.movedMs];
  let at = floorOf(schedule);
  while (found.length < left) {
    const next = times.after(at);
    if (next === null) break;
    found.push(next);
    at = next;
  }
  return found;
}

function computeStep(schedule: Clockwork, nowMs: number, clock: CronClock, room: number): Step {
  const { movedMs } = schedule;
  const step = unchangedStep(schedule);
  if (movedMs !== null && movedMs > nowMs) return { ...step, nextMs: movedMs, dueMs: movedMs };

  const passed = passedTimes(schedule, nowMs, clock);
  const kept = keptTimes(schedule, passed, nowMs);
  const wanted = wantedRuns(schedule, kept, nowMs);
  const runs = wanted.slice(0, room);
  const { covers, nextMs } = progressOf(schedule, passed, wanted, runs.length);
  return {
    ...step,
    state: nextMs === null ? "ended" : "active",
    coversMs: Number.isFinite(covers) ? covers : null,
    movedMs: null,
    nextMs,
    dueMs: nextMs === null ? null : dueTime(schedule, nextMs),
    runs,
    missed: missedTimes(passed, kept),
  };
}

/** The passed times that are run: all that were found, unless the policy is `skip` and even the newest is too late. */
function keptTimes(schedule: Clockwork, { times }: Passed, nowMs: number): readonly number[] {
  const newest = times.at(-1);
  const isSkipped =
    newest !== undefined && schedule.plan.missed === "skip" && isLate(schedule, newest, nowMs);
  return isSkipped ? [] : times;
}

function isLate(schedule: Clockwork, at: number, nowMs: number): boolean {
  return nowMs - dueTime(schedule, at) > schedule.plan.graceMs;
}

/** The run that was moved, if there is one, and one for each time that is kept. */
function wantedRuns(
  schedule: Clockwork,
  kept: readonly number[],
  nowMs: number,
): readonly PlannedRun[] {
  const { movedMs, plan } = schedule;
  const newest = kept.at(-1);
  const runs = kept.map((at) => ({
    at,
    late: isLate(schedule, at, nowMs),
    backfilled: at !== newest,
  }));
  if (movedMs === null) return runs;
  const moved = {
    at: movedMs,
    late: nowMs - movedMs > plan.graceMs,
    backfilled: kept.length > 0,
  };
  return [moved, ...runs];
}

/** Up to where times are dealt with once `made` of the wanted runs are made, and which time comes next. */
function progressOf(
  schedule: Clockwork,
  passed: Passed,
  wanted: readonly PlannedRun[],
  made: number,
): { readonly covers: number; readonly nextMs: number | null } {
  const floor = floorOf(schedule);
  const [last, next] = [wanted[made - 1], wanted[made]];
  if (last !== undefined && next !== undefined)
    return { covers: Math.max(floor, last.at), nextMs: next.at };
  return { covers: passed.times.at(-1) ?? floor, nextMs: passed.next };
}

/** The passed times before the first that is kept, or all of them if none is. */
function missedTimes(passed: Passed, kept: readonly number[]): Step["missed"] {
  const [firstKept] = kept;
  const newest = passed.times.at(-1);
  if (passed.first === null || newest === undefined) return null;
  const end = firstKept ?? newest + 1;
  return passed.first < end ? { from: passed.first, to: end - 1 } : null;
}

/** The times that have passed since a schedule was last planned. */
interface Passed {
  /** The first of them, whether it is in `times` or not. */
  readonly first: number | null;
  /** Those that the policy keeps, oldest first; the last one is the newest of all. */
  readonly times: readonly number[];
  /** The first time that has not passed. */
  readonly next: number | null;
}

/**
 * Times keep their order: none has passed while an earlier one, delayed by jitter, has not. Usually one time has passed,
 * and finding the one after it is all the work.
 */
function passedTimes(schedule: Clockwork, nowMs: number, clock: CronClock): Passed {
  const times = timelineOf(schedule.plan, schedule.anchorMs, clock);
  const hasPassed = (at: number) => dueTime(schedule, at) <= nowMs;
  const first = firstTime(schedule, times);
  if (first === null || !hasPassed(first)) return { first: null, times: [], next: first };
  const second = later(times, first);
  if (second === null || !hasPassed(second)) return { first, times: [first], next: second };

  const { plan } = schedule;
  const wanted = plan.missed === "all" && plan.overlap !== "cancel" ? plan.maxMissed : 1;
  const floor = floorOf(schedule);
  const passed = [...times.upTo(nowMs - (plan.jitterMs ?? 0), floor, wanted)].reverse();
  let next: number | null = later(times, passed.at(-1) ?? floor);
  for (let walked = 0; walked < maxWalk && next !== null && hasPassed(next); walked++) {
    passed.push(next);
    next = later(times, next);
  }
  return { first, times: passed.slice(-wanted), next };
}

/** The first time that is still to come; known from the previous step unless the next run was moved since. */
function firstTime(schedule: Clockwork, times: Timeline): number | null {
  const { coversMs, movedMs, nextMs } = schedule;
  if (runsLeft(schedule) <= 0) return null;
  const isKnown = coversMs !== null && movedMs === null && nextMs !== null;
  return isKnown ? nextMs : times.after(floorOf(schedule));
}

/** How many more runs the schedule may make; runs that wait for a previous one are counted as made. */
function runsLeft({ plan, made, waiting }: Clockwork): number {
  return (plan.count ?? Infinity) - made - waiting.length;
}

function later(times: Timeline, ms: number): number | null {
  const found = times.after(ms);
  if (found === null || found > ms) return found;
  throw new SignalboxError("schedule_invalid", `expected a time after ${ms}, got ${found}`);
}
