/**
 * Does what is due in queues: the use case that the tick and every subscriber share. One round trip; a second
 * one where schedules are due, because their times are worked out here and not in scripts.
 */
import type { OfQueue } from "./binding.ts";
import { createCronClock, type CronClock } from "../schedule/cron.ts";
import { SignalboxError } from "../error.ts";
import { planStep, type Step } from "../schedule/plan.ts";
import { parseClockwork } from "../schedule/schedule.ts";
import type { ScheduleLedger } from "./schedules.ts";
import type { FoundDue } from "../scripts/run-due.ts";
import type { Maintenance } from "./maintenance.ts";

/** How much one call does, at most; what is left stays due. */
export interface DueLimits {
  /** Delayed jobs, retries, deadlines and schedules looked at, per queue. */
  readonly dueItems: number;
  /** Schedules, per queue. */
  readonly schedules: number;
  /** Runs made, in all queues. */
  readonly runs: number;
  /** Times of cron expressions worked out, in all queues, and expressions read: see `CronClock`. */
  readonly evaluations: number;
}

/** What was done in one queue. */
export interface RanDue {
  readonly placed: number;
  readonly expired: number;
  /** Schedules whose times were worked out. */
  readonly planned: number;
  /** Runs that schedules made. */
  readonly made: number;
  /** Schedules that cannot be worked out, and rest until they are changed. */
  readonly faulty: readonly { readonly id: string; readonly error: string }[];
  /** Until the next moment, in milliseconds; 0 if more is due now, null if there is none. */
  readonly nextInMs: number | null;
}

/** What `doDue` is given. A `cron` clock that serves several calls works out each time once. */
export interface DueDeps {
  readonly maintenance: Pick<Maintenance, "runDue">;
  readonly schedules: Pick<ScheduleLedger, "applySteps">;
  readonly cron?: CronClock;
}

/** Does it; may be called by many at once, and again. */
export async function runDue(
  { maintenance, schedules, cron = createCronClock() }: DueDeps,
  queues: readonly string[],
  limits: DueLimits,
): Promise<readonly OfQueue<RanDue>[]> {
  const woken = await maintenance.runDue(queues, limits.dueItems, limits.schedules);
  const plans = planAll(woken, cron, limits);
  const planned = plans.filter(({ value }) => value.length > 0);
  const advanced = planned.length === 0 ? [] : await schedules.applySteps(planned);
  return woken.map(({ queue, value: { placed, expired, nextInMs } }) => {
    const steps = plans.find((plan) => plan.queue === queue)?.value ?? [];
    const done = advanced.find((each) => each.queue === queue)?.value;
    const faulty = steps.filter(
      ({ state }, at) => state === "faulty" && done?.verdicts[at] !== "stale",
    );
    return {
      queue,
      value: {
        ...{ placed, expired, planned: steps.length, made: done?.made ?? 0 },
        faulty: faulty.map(({ id, error }) => ({ id, error })),
        nextInMs: done === undefined ? nextInMs : done.nextInMs,
      },
    };
  });
}

function planAll(
  woken: readonly OfQueue<FoundDue>[],
  clock: CronClock,
  limits: DueLimits,
): readonly OfQueue<readonly Step[]>[] {
  const before = clock.spent();
  let room = limits.runs;
  return woken.map(({ queue, value }) => {
    const steps: Step[] = [];
    for (const { id, text } of value.schedules) {
      if (room <= 0 || clock.spent() - before >= limits.evaluations) break;
      const step = stepOf(id, text, { nowMs: value.nowMs, clock, room });
      room -= step.runs.length;
      steps.push(step);
    }
    return { queue, value: steps };
  });
}

/** A record that cannot be read has no version to compare: the script takes it out of the set. */
function stepOf(
  id: string,
  text: string,
  { nowMs, clock, room }: { nowMs: number; clock: CronClock; room: number },
): Step {
  try {
    return planStep(parseClockwork(id, text), nowMs, clock, room);
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    return {
      ...{ id, version: "-", state: "faulty", coversMs: null, movedMs: null, nextMs: null },
      ...{ dueMs: null, runs: [], missed: null, count: null, keepHistory: 0, error: error.message },
    };
  }
}
