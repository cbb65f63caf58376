/**
 * Runs what is due in queues: the use case that the tick and every subscriber share. One round trip; a second one if
 * schedules are due, because their times are computed here and not in scripts.
 */
import { SignalboxError } from "../error.ts";
import { itemAt } from "../redis/reply.ts";
import type { PlannedAt } from "../schedule/catch-up.ts";
import { createCronClock, type CronClock, limited } from "../schedule/cron.ts";
import { planStep } from "../schedule/plan.ts";
import { parseClockwork } from "../schedule/schedule.ts";
import type { Step } from "../schedule/step.ts";
import type { AppliedSteps } from "../scripts/apply-steps.ts";
import type { FoundDue } from "../scripts/run-due.ts";
import type { OfQueue } from "./binding.ts";
import type { Maintenance } from "./maintenance.ts";
import type { ScheduleLedger } from "./schedules.ts";

/** How much one call of `runDue` handles, at most; the rest stays due. */
export interface DueLimits {
  /** Due items examined in each queue: delayed jobs, retries, deadlines and schedules. */
  readonly dueItems: number;
  /** Schedules planned in each queue. */
  readonly schedules: number;
  /** Runs made by schedules, in all queues together. */
  readonly runs: number;
  /** Cron times computed and cron expressions parsed, in all queues together: see `CronClock.spent`. */
  readonly evaluations: number;
}

/** What was done in one queue. */
export interface RanDue {
  /** Delayed jobs and retries that were placed. */
  readonly placed: number;
  /** Jobs that were not started before their deadline. */
  readonly expired: number;
  /** Schedules whose times were computed. */
  readonly planned: number;
  /** Runs that schedules made. */
  readonly made: number;
  /** Schedules whose times cannot be computed; each rests until it is changed. */
  readonly faulty: readonly { readonly id: string; readonly error: string }[];
  /** Until the next item is due, in milliseconds; 0 if more is due now, null if nothing is. */
  readonly nextInMs: number | null;
}

/** What `runDue` works with. A `cron` clock that serves several calls computes each time once. */
export interface DueDeps {
  readonly maintenance: Pick<Maintenance, "runDue">;
  readonly schedules: Pick<ScheduleLedger, "applySteps">;
  readonly cron?: CronClock;
}

/**
 * Runs what is due in `queues` and answers for each, in their order. Any number of callers may run it concurrently, and
 * again: each due item is handled once.
 * @throws SignalboxError what `Maintenance.runDue` and `ScheduleLedger.applySteps` throw
 */
export async function runDue(
  { maintenance, schedules, cron = createCronClock() }: DueDeps,
  queues: readonly string[],
  limits: DueLimits,
): Promise<readonly OfQueue<RanDue>[]> {
  const found = await maintenance.runDue(queues, limits.dueItems, limits.schedules);
  const plans = planAll(found, cron, limits);
  const changed = plans.filter(({ steps }) => steps.length > 0);
  const applied = await applyAll(schedules, changed);
  return plans.map((plan) => ({ queue: plan.queue, value: ranDue(plan, applied.get(plan)) }));
}

/** What was found due in one queue, and the steps planned for its schedules. */
interface QueuePlan {
  readonly queue: string;
  readonly found: FoundDue;
  readonly steps: readonly Step[];
}

async function applyAll(
  schedules: Pick<ScheduleLedger, "applySteps">,
  plans: readonly QueuePlan[],
): Promise<ReadonlyMap<QueuePlan, AppliedSteps>> {
  if (plans.length === 0) return new Map();
  const applied = await schedules.applySteps(
    plans.map(({ queue, steps }) => ({ queue, value: steps })),
  );
  return new Map(plans.map((plan, at) => [plan, itemAt(applied, at, "applied steps").value]));
}

function ranDue({ found, steps }: QueuePlan, applied: AppliedSteps | undefined): RanDue {
  const { placed, expired, nextInMs } = found;
  if (applied === undefined) return { placed, expired, planned: 0, made: 0, faulty: [], nextInMs };
  // A stale step was not applied: the caller that changed the schedule first has planned it too.
  const faulty = steps.filter(
    ({ state }, at) => state === "faulty" && itemAt(applied.verdicts, at, "a verdict") !== "stale",
  );
  return {
    placed,
    expired,
    planned: steps.length,
    made: applied.made,
    faulty: faulty.map(({ id, error }) => ({ id, error })),
    nextInMs: applied.nextInMs,
  };
}

/** Plans the due schedules of all queues, within the limits that the queues share. */
function planAll(
  found: readonly OfQueue<FoundDue>[],
  cron: CronClock,
  limits: DueLimits,
): readonly QueuePlan[] {
  const clock = limited(cron, limits.evaluations);
  let room = limits.runs;
  return found.map(({ queue, value }) => {
    const steps: Step[] = [];
    for (const { id, text } of value.schedules) {
      if (room <= 0 || clock.left() <= 0) break;
      const step = stepOf(id, text, { nowMs: value.nowMs, clock, room });
      room -= step.runs.length;
      steps.push(step);
    }
    return { queue, found: value, steps };
  });
}

/** A record that cannot be read has no version to compare: the script removes it from what is due. */
function stepOf(id: string, text: string, { nowMs, clock, room }: PlannedAt): Step {
  try {
    return planStep(parseClockwork(id, text), nowMs, clock, room);
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    return {
      id,
      version: "-",
      state: "faulty",
      coversMs: null,
      movedMs: null,
      nextMs: null,
      dueMs: null,
      runs: [],
      missed: null,
      count: null,
      keepHistory: 0,
      error: error.message,
      catchUp: null,
    };
  }
}
