/**
 * Plans a schedule: which of its times are run now, which were missed, and when it is due next. Pure: the same record at
 * the same time gives the same step, for every caller.
 */
import { SignalboxError } from "../error.ts";
import { catchUpStep, type PlannedAt } from "./catch-up.ts";
import { createCronClock, type CronClock } from "./cron.ts";
import type { Clockwork, Plan } from "./schedule.ts";
import {
  dueTime,
  firstTime,
  floorOf,
  isLate,
  later,
  type PlannedRun,
  runsLeft,
  type Step,
  unchangedStep,
} from "./step.ts";
import { timelineOf } from "./timeline.ts";

/** How many times are walked through one by one if jitter delays them; the next step continues. */
const maxWalk = 100;

/**
 * The step at `nowMs`, with at most `room` runs (1 or more), and as many evaluations as the clock has left, give or
 * take two. If more is wanted, the schedule stays due.
 * A schedule whose times cannot be computed becomes `faulty`, so that it is not planned again and again.
 */
export function planStep(schedule: Clockwork, nowMs: number, clock: CronClock, room: number): Step {
  try {
    return computeStep(schedule, { nowMs, clock, room });
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    return {
      ...unchangedStep(schedule),
      state: "faulty",
      nextMs: null,
      dueMs: null,
      catchUp: null,
      error: error.message,
    };
  }
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

function computeStep(schedule: Clockwork, at: PlannedAt): Step {
  const { nowMs, clock, room } = at;
  const { movedMs, plan } = schedule;
  const step = unchangedStep(schedule);
  // Whatever it was before: only a schedule that is to run is planned.
  if (movedMs !== null && movedMs > nowMs)
    return { ...step, state: "active", nextMs: movedMs, dueMs: movedMs, catchUp: null };
  const isCaughtUp = plan.rule.kind === "cron" && plan.missed === "all" && wantedTimes(plan) > 1;
  const caughtUp = isCaughtUp ? catchUpStep(schedule, at) : null;
  if (caughtUp !== null) return caughtUp;

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
    catchUp: null,
  };
}

/** How many of the times that passed are run. */
function wantedTimes({ missed, overlap, maxMissed }: Plan): number {
  return missed === "all" && overlap !== "cancel" ? maxMissed : 1;
}

/** The passed times that are run: all that were found, unless the policy is `skip` and even the newest is too late. */
function keptTimes(schedule: Clockwork, { times }: Passed, nowMs: number): readonly number[] {
  const newest = times.at(-1);
  const isSkipped =
    newest !== undefined && schedule.plan.missed === "skip" && isLate(schedule, newest, nowMs);
  return isSkipped ? [] : times;
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
  const wanted = wantedTimes(plan);
  const floor = floorOf(schedule);
  const passed = [...times.upTo(nowMs - (plan.jitterMs ?? 0), floor, wanted)].reverse();
  let next: number | null = later(times, passed.at(-1) ?? floor);
  for (let walked = 0; walked < maxWalk && next !== null && hasPassed(next); walked++) {
    passed.push(next);
    next = later(times, next);
  }
  return { first, times: passed.slice(-wanted), next };
}
