/** Puts schedules: stores what they say, then plans and applies the first step of those that are new or changed. */
import { SignalboxError } from "../error.ts";
import { queueKeys } from "../redis/keys.ts";
import { exactly, itemAt } from "../redis/reply.ts";
import { createCronClock } from "../schedule/cron.ts";
import { planStep, type Step } from "../schedule/plan.ts";
import type { ScheduleSource, ScheduleSpec, StoredSchedule } from "../schedule/schedule.ts";
import { encodeContent, parseSchedule } from "../schedule/schedule.ts";
import { putSchedules, type PutVerdict } from "../scripts/put-schedules.ts";
import { bind, byQueue, type LedgerOptions, type OfQueue } from "./binding.ts";
import { signTemplate } from "./signed-dispatch.ts";
import type { ApplySteps } from "./steps.ts";

/** What became of a schedule that was put. */
export interface PutAnswer {
  readonly verdict: PutVerdict;
  /** The schedule as it was stored; its first step may have been applied since. Null if it was refused. */
  readonly schedule: StoredSchedule | null;
}

/** How schedules are put. */
export interface PutOptions {
  readonly source: ScheduleSource;
  /** Identifies this call: the same again if its answer was lost. */
  readonly nonce: string;
  /** How many schedules a queue may have. */
  readonly max: number;
  /** Whether to plan new and changed schedules immediately; else the next check for due items does. @default true */
  readonly planNow?: boolean;
}

/** A schedule and what its record is to hold. */
interface EncodedSpec {
  readonly queue: string;
  readonly spec: ScheduleSpec;
  readonly content: string;
}

/** A schedule that was stored or refused, and when. */
interface Stored extends PutAnswer {
  readonly queue: string;
  readonly spec: ScheduleSpec;
  readonly nowMs: number;
}

/** Binds the script to a Redis and a naming; see `ScheduleLedger.put`. */
export function createPut(
  options: LedgerOptions,
  apply: ApplySteps,
): (specs: readonly ScheduleSpec[], how: PutOptions) => Promise<readonly PutAnswer[]> {
  const { naming, signer } = options;
  const { clock, onEachGroup } = bind(options);

  async function encode(spec: ScheduleSpec): Promise<EncodedSpec> {
    const runOptions = signer === undefined ? undefined : await signTemplate(signer, spec);
    return { queue: spec.queue, spec, content: encodeContent(spec, runOptions) };
  }

  /** Stores the schedules, in one round trip. Answers in the order of their queues. */
  async function store(
    encoded: readonly EncodedSpec[],
    { source, nonce, max }: PutOptions,
  ): Promise<readonly Stored[]> {
    const put = await onEachGroup(
      byQueue(encoded),
      (queue, group) =>
        putSchedules.call({
          keys: queueKeys(naming, queue),
          args: { clock: clock(), max_schedules: max },
          list: group.flatMap(({ spec, content }) => [
            spec.id,
            nonce,
            spec.plan.overlap,
            source,
            content,
          ]),
        }),
      putSchedules.parse,
    );
    return put.flatMap(({ queue, items, value: { nowMs, answers } }) => {
      exactly(answers, items.length, "answers");
      return items.map(({ spec }, at) => {
        const { verdict, text } = itemAt(answers, at, "an answer");
        const schedule = text === "" ? null : parseSchedule(spec.id, text);
        return { queue, spec, nowMs, verdict, schedule };
      });
    });
  }

  return async (specs, how) => {
    const stored = await store(await Promise.all(specs.map(encode)), how);
    // A step that comes out stale needs no repetition: another caller has planned the schedule first.
    const steps = how.planNow === false ? [] : firstSteps(stored);
    if (steps.length > 0) await apply(steps);
    const answers = new Map(stored.map((each) => [each.spec, each]));
    return specs.map((spec) => {
      const answer = answers.get(spec);
      if (answer === undefined) throw new SignalboxError("internal", "expected all specs stored");
      return { verdict: answer.verdict, schedule: answer.schedule };
    });
  };
}

/** The first step of each schedule that has never been planned, by queue. */
function firstSteps(stored: readonly Stored[]): readonly OfQueue<readonly Step[]>[] {
  const cron = createCronClock();
  const steps = stored.flatMap(({ queue, nowMs, schedule }) => {
    const isUnplanned =
      schedule?.state === "active" && schedule.nextMs === null && schedule.coversMs === null;
    return isUnplanned
      ? [{ queue, step: planStep(schedule, nowMs, cron, schedule.plan.maxMissed) }]
      : [];
  });
  return [...byQueue(steps)].map(([queue, group]) => ({
    queue,
    value: group.map(({ step }) => step),
  }));
}
