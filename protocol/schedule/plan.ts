/**
 * What a look at a schedule finds to do: which of its times are to be run now, which were missed, and when
 * to look again. Pure: the same record at the same time gives the same step, whoever looks.
 */
import { createCronClock, type CronClock } from "./cron.ts";
import { SignalboxError } from "../error.ts";
import type { Clockwork, Plan, ScheduleState } from "./schedule.ts";
import { jitterOf, timelineOf, type Timeline } from "./timeline.ts";

/** One run to be made. */
export interface PlannedRun {
  /** The time it was scheduled for. */
  readonly at: number;
  readonly late: boolean;
  readonly backfilled: boolean;
  /** Sets apart the ids of runs that were asked for by hand. */
  readonly nonce?: string;
}

/** A change of one schedule, made only if its record is still of `version`. */
export interface Step {
  readonly id: string;
  readonly version: string;
  readonly state: ScheduleState;
  readonly coversMs: number | null;
  readonly movedMs: number | null;
  readonly nextMs: number | null;
  /** When to look again: the next time and its jitter; null for never. */
  readonly dueMs: number | null;
  readonly runs: readonly PlannedRun[];
  /** Times that are not run: from the first to the last of them. */
  readonly missed: { readonly from: number; readonly to: number } | null;
  readonly count: number | null;
  readonly keepHistory: number;
  readonly error: string;
}

/** How many times are gone through one by one where jitter puts them off; the rest is for the next look. */
const maxWalk = 100;

/**
 * The step at `nowMs`, with at most `room` runs (1 or more); what is left over is due at once.
 * A schedule whose times cannot be worked out becomes `faulty`: it must not be looked at for ever.
 */
export function planStep(schedule: Clockwork, nowMs: number, clock: CronClock, room: number): Step {
  try {
    return workedOut(schedule, nowMs, clock, room);
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    return { ...stay(schedule), state: "faulty", nextMs: null, dueMs: null, error: error.message };
  }
}

/** A step that leaves everything as it is. */
export function stay({ id, version, state, coversMs, movedMs, nextMs, plan }: Clockwork): Step {
  return {
    ...{ id, version, state, coversMs, movedMs, nextMs, dueMs: null, runs: [], missed: null },
    ...{ count: plan.count ?? null, keepHistory: plan.keepHistory, error: "" },
  };
}

/** Whether a rule has one time only. */
export function isOnce({ rule }: Pick<Plan, "rule">): boolean {
  return rule.kind === "at" || rule.kind === "in";
}

/** The times after this are still to come. A single time may lie before the schedule was made. */
export function floorOf(schedule: Clockwork): number {
  if (schedule.coversMs !== null) return schedule.coversMs;
  return isOnce(schedule.plan) ? -Infinity : schedule.anchorMs - 1;
}

function workedOut(schedule: Clockwork, nowMs: number, clock: CronClock, room: number): Step {
  const { plan, movedMs } = schedule;
  const step = stay(schedule);
  if (movedMs !== null && movedMs > nowMs) return { ...step, nextMs: movedMs, dueMs: movedMs };

  const passed = passedTimes(schedule, nowMs, clock);
  const dueOf = (at: number) => at + jitterOf(schedule.id, at, plan.jitterMs ?? 0);
  const isLate = (at: number) => nowMs - dueOf(at) > plan.graceMs;
  const newest = passed.times.at(-1);
  const kept = newest !== undefined && plan.missed === "skip" && isLate(newest) ? [] : passed.times;
  const wanted: readonly PlannedRun[] = [
    ...(movedMs === null
      ? []
      : [{ at: movedMs, late: nowMs - movedMs > plan.graceMs, backfilled: kept.length > 0 }]),
    ...kept.map((at) => ({ at, late: isLate(at), backfilled: at !== newest })),
  ];
  const runs = wanted.slice(0, room);
  const last = runs.at(-1)?.at;
  const isCut = runs.length < wanted.length && last !== undefined;
  const floor = floorOf(schedule);
  const covers = isCut ? Math.max(floor, last) : (newest ?? floor);
  const nextMs = isCut ? (wanted[runs.length]?.at ?? null) : passed.next;
  const firstKept = kept[0] ?? (newest === undefined ? undefined : newest + 1);
  const skipsSome = passed.first !== null && firstKept !== undefined && passed.first < firstKept;
  return {
    ...step,
    state: nextMs === null ? "ended" : "active",
    coversMs: Number.isFinite(covers) ? covers : null,
    movedMs: null,
    nextMs,
    dueMs: nextMs === null ? null : dueOf(nextMs),
    runs,
    missed: skipsSome ? { from: passed.first, to: firstKept - 1 } : null,
  };
}

interface Passed {
  /** The first time that has passed, whether it is kept or not. */
  readonly first: number | null;
  /** Those to be run, in their order; the last one is the newest of all. */
  readonly times: readonly number[];
  /** The first that has not passed. */
  readonly next: number | null;
}

/**
 * Times keep their order: none has passed while an earlier one, put off by jitter, has not. Mostly one has
 * passed, and finding the one after it is all the work.
 */
function passedTimes(schedule: Clockwork, nowMs: number, clock: CronClock): Passed {
  const { plan, made, waiting, anchorMs } = schedule;
  const left = (plan.count ?? Infinity) - made - waiting.length;
  const jitterMs = plan.jitterMs ?? 0;
  const hasPassed = (at: number) => at + jitterOf(schedule.id, at, jitterMs) <= nowMs;
  const times = timelineOf(plan, anchorMs, clock);
  const floor = floorOf(schedule);
  const isKnown = schedule.coversMs !== null && schedule.movedMs === null;
  const first =
    left <= 0 ? null : isKnown && schedule.nextMs !== null ? schedule.nextMs : times.after(floor);
  if (first === null || !hasPassed(first)) return { first: null, times: [], next: first };
  const second = later(times, first);
  if (second === null || !hasPassed(second)) return { first, times: [first], next: second };

  const wanted = plan.missed === "all" && plan.overlap !== "cancel" ? plan.maxMissed : 1;
  const passed = [...times.upTo(nowMs - jitterMs, floor, wanted)].reverse();
  let next: number | null = later(times, passed.at(-1) ?? floor);
  for (let walked = 0; walked < maxWalk && next !== null && hasPassed(next); walked++) {
    passed.push(next);
    next = later(times, next);
  }
  return { first, times: passed.slice(-wanted), next };
}

function later(times: Timeline, ms: number): number | null {
  const found = times.after(ms);
  if (found === null || found > ms) return found;
  throw new SignalboxError("schedule_invalid", `expected a time after ${ms}, got ${found}`);
}

/** The next `n` times of a schedule, as they are planned now; none unless it is active. */
export function nextTimes(schedule: Clockwork, n: number): readonly number[] {
  if (schedule.state !== "active") return [];
  const { plan, made, waiting } = schedule;
  const left = Math.min(n, (plan.count ?? Infinity) - made - waiting.length);
  const times = timelineOf(plan, schedule.anchorMs, createCronClock());
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

/** When the run of time `at` is made: its jitter included. */
export function dueTime({ id, plan }: Pick<Clockwork, "id" | "plan">, at: number): number {
  return at + jitterOf(id, at, plan.jitterMs ?? 0);
}
