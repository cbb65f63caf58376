/**
 * What callers ask of schedules, in domain words. Each change is a compare-and-set on the record's version
 * (`scripts/advance.ts`), worked out from the time that Redis said, and tried again where another came first.
 */
import { bind, type LedgerOptions, type OfQueue } from "./binding.ts";
import { createCronClock } from "../schedule/cron.ts";
import { SignalboxError } from "../error.ts";
import { queueKeys, queuesKey, declaredKey } from "../redis/keys.ts";
import { defaultQueue } from "../wire/names.ts";
import { floorOf, isOnce, planStep, stay, type Step } from "../schedule/plan.ts";
import type { Call, Reply } from "../redis/port.ts";
import {
  encodeContent,
  parseSchedule,
  stateLetters,
  type ScheduleSource,
  type ScheduleSpec,
  type StoredSchedule,
} from "../schedule/schedule.ts";
import { applySteps, applyStepsArgs, type AppliedSteps } from "../scripts/apply-steps.ts";
import { countSchedules } from "../scripts/count-schedules.ts";
import { deleteSchedules, type DeletedSchedule } from "../scripts/delete-schedules.ts";
import { listSchedules, type SchedulePage } from "../scripts/list-schedules.ts";
import { putSchedules, type PutVerdict } from "../scripts/put-schedules.ts";
import { readHistory, type HistoryReply } from "../scripts/read-history.ts";
import { readSchedules } from "../scripts/read-schedules.ts";
import { signTemplate } from "./signed-dispatch.ts";
import { timelineOf } from "../schedule/timeline.ts";

/** What became of a schedule that was put. `schedule` is null where it was refused. */
export interface PutAnswer {
  readonly verdict: PutVerdict;
  readonly schedule: StoredSchedule | null;
}

/** How schedules are put. */
export interface PutOptions {
  readonly source: ScheduleSource;
  /** Of this call; the same again where its answer was lost. */
  readonly nonce: string;
  /** How many schedules a queue may have. */
  readonly max: number;
  /** Whether to look at once when their times are; else whoever looks next does. @default true */
  readonly look?: boolean;
}

/** What became of a change. `unfit`: the schedule's state does not allow it. */
export type Changed =
  | { readonly kind: "changed" | "unchanged" | "unfit"; readonly schedule: StoredSchedule }
  | { readonly kind: "unknown" };

/** See `createSchedules`. */
export type ScheduleLedger = ReturnType<typeof createScheduleLedger>;

/** Another may come first now and then, not for ever. */
const maxTries = 5;

/** Binds the scripts to a Redis and a naming. */
export function createScheduleLedger(options: LedgerOptions) {
  const { redis, naming, signer } = options;
  const { clock, publishing, run } = bind(options);

  const advanceCall = (queue: string, steps: readonly Step[]): Call =>
    applySteps.call({
      keys: queueKeys(naming, queue),
      args: { ...publishing(queue), ...applyStepsArgs },
      list: steps.flatMap(encodeStep),
    });

  async function read(
    queues: readonly string[],
    id: string,
  ): Promise<{ queue: string; nowMs: number; schedule: StoredSchedule } | null> {
    const replies = await redis.send(
      queues.map((queue) =>
        readSchedules.call({
          keys: queueKeys(naming, queue),
          args: { clock: clock() },
          list: [id],
        }),
      ),
    );
    for (const [at, queue] of queues.entries()) {
      const { nowMs, records } = readSchedules.parse(replies[at] ?? null);
      const [record] = records;
      if (record !== null && record !== undefined)
        return { queue, nowMs, schedule: parseSchedule(id, record) };
    }
    return null;
  }

  /** Reads, works out a step, and makes it if nobody came first; else once more. */
  async function change(
    queue: string,
    id: string,
    decide: (schedule: StoredSchedule, nowMs: number) => Step | "unchanged" | "unfit",
  ): Promise<Changed> {
    for (let tries = 0; tries < maxTries; tries++) {
      const found = await read([queue], id);
      if (found === null) return { kind: "unknown" };
      const step = decide(found.schedule, found.nowMs);
      if (typeof step === "string") return { kind: step, schedule: found.schedule };
      const { verdicts } = await run(advanceCall(queue, [step]), applySteps.parse);
      if (verdicts[0] === "stale") continue;
      const after = await read([queue], id);
      return after === null ? { kind: "unknown" } : { kind: "changed", schedule: after.schedule };
    }
    throw new SignalboxError(
      "state_conflict",
      `expected schedule ${id} to stay as it is for a moment; others keep changing it: try again`,
    );
  }

  async function put(
    specs: readonly ScheduleSpec[],
    options: PutOptions,
  ): Promise<readonly PutAnswer[]> {
    const { source, nonce, max, look = true } = options;
    const queues = [...new Set(specs.map((spec) => spec.queue))];
    const groups = queues.map((queue) => specs.filter((spec) => spec.queue === queue));
    const contentOf = new Map<ScheduleSpec, string>();
    for (const spec of specs)
      contentOf.set(spec, encodeContent(spec, signer && (await signTemplate(signer, spec))));
    const calls: Call[] = queues.map((queue, at) =>
      putSchedules.call({
        keys: queueKeys(naming, queue),
        args: { clock: clock(), max_schedules: max },
        list: (groups[at] ?? []).flatMap((spec) => [
          ...[spec.id, nonce, spec.plan.overlap, source, contentOf.get(spec) ?? ""],
        ]),
      }),
    );
    const registered = queues.filter((queue) => queue !== defaultQueue);
    if (registered.length > 0)
      calls.unshift({ command: ["SADD", queuesKey(naming), ...registered] });
    const replies = (await redis.send(calls)).slice(-queues.length);
    const answers = new Map<ScheduleSpec, PutAnswer>();
    const planned: OfQueue<readonly Step[]>[] = [];
    const cron = createCronClock();
    groups.forEach((group, at) => {
      const parsed = putSchedules.parse(replies[at] ?? null);
      const steps: Step[] = [];
      group.forEach((spec, index) => {
        const answer = parsed.answers[index];
        if (answer === undefined) return;
        const { verdict, text } = answer;
        const schedule = text === "" ? null : parseSchedule(spec.id, text);
        answers.set(spec, { verdict, schedule });
        // Its first look is ours, if nobody else comes first.
        if (
          look &&
          schedule?.state === "active" &&
          schedule.nextMs === null &&
          schedule.coversMs === null
        )
          steps.push(planStep(schedule, parsed.nowMs, cron, schedule.plan.maxMissed));
      });
      if (steps.length > 0) planned.push({ queue: queues[at] ?? defaultQueue, value: steps });
    });
    if (planned.length > 0)
      await redis.send(planned.map((each) => advanceCall(each.queue, each.value)));
    return specs.flatMap((spec) => answers.get(spec) ?? []);
  }

  return {
    read,

    /** Id of the key that signs what is put, if it is signed: another key makes other content of it. */
    signedBy: (): Promise<string | null> => Promise.resolve(signer?.keyId ?? null),

    /** Makes schedules or gives them another content; see `scripts/put-schedules.ts`. */
    put,

    /** Makes steps that were planned from what `wake` found; one round trip. */
    async applySteps(
      planned: readonly OfQueue<readonly Step[]>[],
    ): Promise<readonly OfQueue<AppliedSteps>[]> {
      const replies: readonly Reply[] = await redis.send(
        planned.map(({ queue, value }) => advanceCall(queue, value)),
      );
      return planned.map(({ queue }, at) => ({
        queue,
        value: applySteps.parse(replies[at] ?? null),
      }));
    },

    /** Deletes schedules that `source` made. */
    async delete(
      queue: string,
      ids: readonly string[],
      source: ScheduleSource,
    ): Promise<readonly DeletedSchedule[]> {
      const call = deleteSchedules.call({
        keys: queueKeys(naming, queue),
        args: { source },
        list: ids,
      });
      return run(call, deleteSchedules.parse);
    },

    /** Stops an active schedule until it is resumed. */
    pause(queue: string, id: string): Promise<Changed> {
      return change(queue, id, (schedule) => {
        if (schedule.state === "paused") return "unchanged";
        if (schedule.state === "ended") return "unfit";
        return { ...stay(schedule), state: "paused", nextMs: null, dueMs: null };
      });
    },

    /** Goes on. Times that passed meanwhile are not made up for, save the only time of a schedule that has one. */
    resume(queue: string, id: string): Promise<Changed> {
      return change(queue, id, (schedule, nowMs) => {
        if (schedule.state === "active") return "unchanged";
        if (schedule.state === "ended") return "unfit";
        const covers = isOnce(schedule.plan)
          ? schedule.coversMs
          : Math.max(floorOf(schedule), nowMs);
        const movedMs =
          schedule.movedMs !== null && schedule.movedMs <= nowMs && !isOnce(schedule.plan)
            ? null
            : schedule.movedMs;
        const resumed = { ...schedule, coversMs: covers, movedMs, nextMs: null };
        return planStep(resumed, nowMs, createCronClock(), 1);
      });
    },

    /** Makes a run now, whatever else runs; the same `nonce` again makes no second one. */
    runNow(queue: string, id: string, nonce: string): Promise<Changed> {
      return change(queue, id, (schedule, nowMs) => ({
        ...stay(schedule),
        runs: [{ at: nowMs, late: false, backfilled: false, nonce }],
      }));
    },

    /** Moves the next run to `atMs`: instead of its planned time, and of those between the two. */
    move(queue: string, id: string, atMs: number): Promise<Changed> {
      return change(queue, id, (schedule) => {
        if (schedule.state === "ended" || schedule.state === "faulty") return "unfit";
        if (schedule.movedMs === atMs) return "unchanged";
        const times = timelineOf(schedule.plan, schedule.anchorMs, createCronClock());
        const floor = floorOf(schedule);
        const planned = schedule.movedMs === null ? times.after(floor) : floor;
        if (planned === null) return "unfit";
        const covers = Math.max(planned, isOnce(schedule.plan) ? planned : atMs);
        return {
          ...stay(schedule),
          coversMs: Number.isFinite(covers) ? covers : null,
          movedMs: atMs,
          nextMs: schedule.state === "paused" ? null : atMs,
          dueMs: schedule.state === "paused" ? null : atMs,
        };
      });
    },

    /** A page of a queue's schedules by id; see `scripts/list-schedules.ts`. */
    list(
      queue: string,
      page: { readonly from: string; readonly limit: number; readonly before: string },
    ): Promise<SchedulePage> {
      return run(
        listSchedules.call({ keys: queueKeys(naming, queue), args: page }),
        listSchedules.parse,
      );
    },

    /** How many there are in all of `queues`, or are due by `before`. */
    async count(queues: readonly string[], before: number | null): Promise<number> {
      const args = { before: before ?? "-" };
      const replies = await redis.send(
        queues.map((queue) => countSchedules.call({ keys: queueKeys(naming, queue), args })),
      );
      return replies.reduce<number>((sum, reply) => sum + countSchedules.parse(reply), 0);
    },

    /** What the schedule did last, newest first. */
    history(queue: string, id: string): Promise<HistoryReply> {
      return run(
        readHistory.call({ keys: queueKeys(naming, queue), args: { id } }),
        readHistory.parse,
      );
    },

    /** What the deployed list was when it was last put in force; null if it never was. */
    async declared(): Promise<string | null> {
      return run({ command: ["GET", declaredKey(naming)] }, (reply) =>
        typeof reply === "string" ? reply : null,
      );
    },

    /** Remembers it. */
    async declare(text: string): Promise<void> {
      await redis.send([{ command: ["SET", declaredKey(naming), text] }]);
    },
  };
}

function encodeStep(step: Step): readonly string[] {
  const runs = step.runs.map(({ at, late, backfilled, nonce }) => {
    const flags = `${late ? "l" : ""}${backfilled ? "b" : ""}${nonce === undefined ? "" : "m"}`;
    return `${at}:${flags === "" ? "n" : flags}${nonce === undefined ? "" : `:${nonce}`}`;
  });
  const isByHand = step.runs.some(({ nonce }) => nonce !== undefined);
  const word = (ms: number | null) => (ms === null ? "-" : String(ms));
  return [
    step.id,
    step.version,
    stateLetters[step.state],
    word(step.coversMs),
    word(step.movedMs),
    word(step.nextMs),
    isByHand ? "=" : word(step.dueMs),
    step.count === null ? "-" : String(step.count),
    runs.length === 0 ? "-" : runs.join(" "),
    step.missed === null ? "-" : `${step.missed.from} ${step.missed.to}`,
    String(step.keepHistory),
    step.error.replaceAll("\n", " "),
  ];
}
