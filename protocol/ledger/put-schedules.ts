/** Puts schedules: stores what they say, then plans and applies the first step of those that are new or changed. */
import { SignalboxError } from "../error.ts";
import { queueKeys } from "../redis/keys.ts";
import { exactly, itemAt } from "../redis/reply.ts";
import { type AnchorBounds, anchorBounds } from "../schedule/anchors.ts";
import { createCronClock, type CronClock } from "../schedule/cron.ts";
import { planStep } from "../schedule/plan.ts";
import type { ScheduleSource, ScheduleSpec, StoredSchedule } from "../schedule/schedule.ts";
import { encodeContent, parseSchedule } from "../schedule/schedule.ts";
import { changedBy, type Step } from "../schedule/step.ts";
import { putSchedules, type PutVerdict } from "../scripts/put-schedules.ts";
import { bind, byQueue, type LedgerOptions } from "./binding.ts";
import { signTemplate } from "./signed-dispatch.ts";
import type { ApplySteps } from "./steps.ts";

/** What became of a schedule that was put. */
export interface PutAnswer {
  readonly verdict: PutVerdict;
  /** The schedule as it was stored, with its first step if that was planned. Null if it was refused. */
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
  readonly bounds: AnchorBounds;
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

  async function encode(spec: ScheduleSpec, cron: CronClock): Promise<EncodedSpec> {
    const runOptions = signer === undefined ? undefined : await signTemplate(signer, spec);
    return {
      queue: spec.queue,
      spec,
      content: encodeContent(spec, runOptions),
      bounds: anchorBounds(spec, cron),
    };
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
          list: group.flatMap(({ spec, content, bounds }) => [
            spec.id,
            nonce,
            spec.plan.overlap,
            source,
            bounds.firstMs === -Infinity ? "-" : String(bounds.firstMs),
            bounds.lastMs === Infinity ? "-" : String(Math.max(bounds.lastMs, -1)),
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
    const cron = createCronClock();
    const encoded = await Promise.all(specs.map((spec) => encode(spec, cron)));
    const stored = await store(encoded, how);
    // A step that comes out stale needs no repetition: another caller has planned the schedule first.
    const planned = how.planNow === false ? [] : firstSteps(stored);
    if (planned.length > 0) {
      await apply(
        [...byQueue(planned)].map(([queue, group]) => ({
          queue,
          value: group.map(({ step }) => step),
        })),
      );
    }
    const steps = new Map(planned.map(({ spec, step }) => [spec, step]));
    const answers = new Map(stored.map((each) => [each.spec, each]));
    return specs.map((spec) => {
      const answer = answers.get(spec);
      if (answer === undefined) throw new SignalboxError("internal", "expected all specs stored");
      const { verdict, schedule } = answer;
      const step = steps.get(spec);
      if (step === undefined || schedule === null) return { verdict, schedule };
      return { verdict, schedule: { ...schedule, ...changedBy(step) } };
    });
  };
}

/** A schedule and its first step. */
interface Planned {
  readonly queue: string;
  readonly spec: ScheduleSpec;
  readonly step: Step;
}

/** The first step of each schedule that has never been planned. */
function firstSteps(stored: readonly Stored[]): readonly Planned[] {
  const cron = createCronClock();
  return stored.flatMap(({ queue, spec, nowMs, schedule }) => {
    const isUnplanned =
      schedule?.state === "active" && schedule.nextMs === null && schedule.coversMs === null;
    if (!isUnplanned) return [];
    return [{ queue, spec, step: planStep(schedule, nowMs, cron, schedule.plan.maxMissed) }];
  });
}
