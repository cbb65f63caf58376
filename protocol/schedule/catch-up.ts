/**
 * Makes up for missed cron times in steps of bounded work. A step of `plan.ts` would evaluate the expression once for each
 * of up to 1,000 times, and a Worker has 10 ms. Which times are run is the same: the newest `maxMissed`, oldest first.
 */
import type { CronClock } from "./cron.ts";
import type { CatchUp, Clockwork } from "./schedule.ts";
import {
  dueTime,
  firstTime,
  floorOf,
  isLate,
  later,
  type PlannedRun,
  type Step,
  unchangedStep,
} from "./step.ts";
import { type Timeline, timelineOf } from "./timeline.ts";

/** When a step is planned, and what it may take. */
export interface PlannedAt {
  readonly nowMs: number;
  readonly clock: CronClock;
  /** How many runs, 1 or more. */
  readonly room: number;
}

/** What the functions below work with. */
interface Work {
  readonly schedule: Clockwork;
  readonly nowMs: number;
  readonly times: Timeline;
  readonly room: number;
  /** How many more evaluations the step may take. */
  readonly left: () => number;
  readonly hasPassed: (at: number | null) => at is number;
}

/** The next step of making up for missed times; null if at most one time has passed, which `plan.ts` deals with. */
export function catchUpStep(schedule: Clockwork, { nowMs, clock, room }: PlannedAt): Step | null {
  const work: Work = {
    schedule,
    nowMs,
    times: timelineOf(schedule.plan, schedule.anchorMs, clock),
    room,
    left: clock.left,
    hasPassed: (at): at is number => at !== null && dueTime(schedule, at) <= nowMs,
  };
  const first = firstTime(schedule, work.times);
  if (schedule.movedMs !== null) return work.hasPassed(first) ? movedRun(work, first) : null;
  if (!work.hasPassed(first)) return null;
  const { catchUp = null } = schedule;
  if (catchUp !== null && catchUp.scan === null) return makeRuns(work, first, catchUp.untilMs);
  if (catchUp === null && !work.hasPassed(later(work.times, first))) return null;
  return scan(work, first);
}

/** The run that was moved comes first, by itself. */
function movedRun(work: Work, first: number): Step {
  const { schedule, nowMs } = work;
  const at = schedule.movedMs ?? first;
  const run = { at, late: nowMs - at > schedule.plan.graceMs, backfilled: true };
  return stepTo(work, { covers: floorOf(schedule), next: first, runs: [run] });
}

/** Times found so far. */
interface Scan {
  readonly untilMs: number;
  /** Where to go on, backwards. */
  readonly fromMs: number;
  /** How many. */
  readonly found: number;
  /** Those after `fromMs` that are known: all passed times of the first step, later on the oldest found. */
  readonly newer: readonly number[];
}

function scanOf(work: Work): Scan {
  const { catchUp } = work.schedule;
  if (catchUp !== undefined && catchUp !== null && catchUp.scan !== null) {
    const { oldestMs, found } = catchUp.scan;
    return { untilMs: catchUp.untilMs, fromMs: oldestMs - 1, found, newer: [oldestMs] };
  }
  const untilMs = work.nowMs - (work.schedule.plan.jitterMs ?? 0);
  const newer = jittered(work, untilMs);
  return { untilMs, fromMs: untilMs, found: newer.length, newer };
}

/** Looks for missed times backwards, as far as the evaluations go; makes the first runs once all are found. */
function scan(work: Work, first: number): Step {
  const { schedule, times, left } = work;
  const { maxMissed } = schedule.plan;
  const { untilMs, fromMs, newer, found: before } = scanOf(work);
  const asked = Math.max(0, Math.min(maxMissed - before, Math.max(1, left())));
  const older = asked === 0 ? [] : times.upTo(fromMs, floorOf(schedule), asked);
  const found = before + older.length;
  const list = [...[...older].reverse(), ...newer].slice(-maxMissed);
  const [oldestMs = first] = list;
  if (older.length === asked && found < maxMissed) {
    const catchUp = { untilMs, scan: { oldestMs, found } };
    return stepTo(work, { covers: floorOf(schedule), next: first, runs: [], catchUp });
  }
  const missed = first < oldestMs ? { from: first, to: oldestMs - 1 } : null;
  return { ...runList(work, list, untilMs), missed };
}

/** Passed times after `untilMs`: each may be delayed by jitter, so they are looked at one by one. */
function jittered({ schedule, times, hasPassed }: Work, untilMs: number): readonly number[] {
  const found: number[] = [];
  if ((schedule.plan.jitterMs ?? 0) === 0) return found;
  let next = times.after(Math.max(untilMs, floorOf(schedule)));
  while (hasPassed(next) && found.length < maxJittered) {
    found.push(next);
    next = later(times, next);
  }
  return found;
}

/** More than there are while jitter is no longer than the interval. */
const maxJittered = 10;

/** Makes the runs from `first` on, as many as fit. */
function makeRuns(work: Work, first: number, untilMs: number): Step {
  const { times, room, left, hasPassed } = work;
  const list = [first];
  let next = later(times, first);
  while (hasPassed(next) && next <= untilMs && list.length < room && left() > 0) {
    list.push(next);
    next = later(times, next);
  }
  return runList(work, list, untilMs, next);
}

/** Makes the runs of `list`, as many as there is room for. */
function runList(
  work: Work,
  list: readonly number[],
  untilMs: number,
  after?: number | null,
): Step {
  const { schedule, nowMs, times, room, hasPassed } = work;
  const made = list.slice(0, room);
  const last = made.at(-1) ?? floorOf(schedule);
  const rest = list[made.length] ?? after;
  const next = rest === undefined ? later(times, last) : rest;
  const runs = made.map((at, index) => ({
    at,
    late: isLate(schedule, at, nowMs),
    backfilled: hasPassed(made[index + 1] ?? next),
  }));
  const isMore = hasPassed(next) && next <= untilMs;
  const catchUp = isMore ? { untilMs, scan: null } : null;
  return stepTo(work, { covers: last, next, runs, catchUp });
}

function stepTo(
  { schedule }: Work,
  to: {
    readonly covers: number;
    readonly next: number | null;
    readonly runs: readonly PlannedRun[];
    readonly catchUp?: CatchUp | null;
  },
): Step {
  const { covers, next, runs, catchUp = null } = to;
  return {
    ...unchangedStep(schedule),
    state: next === null ? "ended" : "active",
    coversMs: covers,
    movedMs: null,
    nextMs: next,
    dueMs: next === null ? null : dueTime(schedule, next),
    runs,
    catchUp,
  };
}
