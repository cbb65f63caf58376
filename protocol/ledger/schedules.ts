/**
 * The ledger of schedules: put, change, read and delete them. A change is a compare-and-set on the record's version:
 * it is computed from the record and from Redis's time, and computed again if another caller changed the record first.
 */
import { SignalboxError } from "../error.ts";
import { declaredKey, queueKeys } from "../redis/keys.ts";
import { exactly, itemAt, text } from "../redis/reply.ts";
import { type Decision, moveStep, pauseStep, resumeStep, runNowStep } from "../schedule/change.ts";
import type { ScheduleSource, ScheduleSpec, StoredSchedule } from "../schedule/schedule.ts";
import { parseSchedule } from "../schedule/schedule.ts";
import { changedBy, type Step } from "../schedule/step.ts";
import type { AppliedSteps } from "../scripts/apply-steps.ts";
import { countSchedules } from "../scripts/count-schedules.ts";
import { type DeletedSchedule, deleteSchedules } from "../scripts/delete-schedules.ts";
import { listSchedules, type SchedulePage } from "../scripts/list-schedules.ts";
import { type HistoryReply, readHistory } from "../scripts/read-history.ts";
import { readSchedules } from "../scripts/read-schedules.ts";
import { bind, type LedgerOptions, type OfQueue } from "./binding.ts";
import { createPut, type PutAnswer, type PutOptions } from "./put-schedules.ts";
import { createApplySteps } from "./steps.ts";

export type { PutAnswer, PutOptions } from "./put-schedules.ts";

/**
 * What became of a change. `unchanged`: it was so already. `unfit`: the schedule's state does not allow it. `taken`: the
 * run was not made because another job has its id. `outside`: the time is before the schedule's start or after its end.
 */
export type Changed =
  | {
      readonly kind: "changed" | "unchanged" | "unfit" | "taken" | "outside";
      readonly schedule: StoredSchedule;
    }
  | { readonly kind: "unknown" };

/** A schedule, the queue in which it was found, and when it was read: milliseconds since 1970, by Redis's clock. */
export interface FoundSchedule {
  readonly queue: string;
  readonly nowMs: number;
  readonly schedule: StoredSchedule;
}

/** Which schedules a page holds. */
export interface SchedulePageRequest {
  /** The id after which the page starts; `-` for the first page. */
  readonly from: string;
  /** How many schedules a page holds at most. */
  readonly limit: number;
  /** Only schedules whose next time is not after this (milliseconds since 1970, as text), or `-` for all. */
  readonly before: string;
}

/**
 * What clients and the tick ask of schedules. All methods throw what the port throws, or `reply_unexpected` for an
 * answer or a record of another version. `pause`, `resume`, `runNow` and `move` take three round trips, and more if
 * other callers change the schedule at the same time (script `apply-steps`).
 */
export interface ScheduleLedger {
  /**
   * Looks for a schedule in every one of `queues`, in one round trip; the first that has it answers, else `null`.
   * Script `read-schedules`.
   */
  read(queues: readonly string[], id: string): Promise<FoundSchedule | null>;

  /** Id of the key that signs what is put; `null` without a signer. Another key makes another content of a schedule. */
  signedBy(): Promise<string | null>;

  /**
   * Creates schedules or replaces what they say, and answers for each, in their order. The same content again is
   * `unchanged`; another plan starts the schedule over, with no runs made and now as its anchor; another job leaves its
   * times as they are; a plan that has no run to come is `never`, and nothing is changed. Repeated with the same nonce, it
   * answers as it did the first time. One round trip, and a second
   * one to apply the first steps (unless `planNow` is false). Each queue is one atomic script: if the call throws, some
   * queues may have been put. Scripts `put-schedules` and `apply-steps`.
   */
  put(specs: readonly ScheduleSpec[], how: PutOptions): Promise<readonly PutAnswer[]>;

  /**
   * Applies steps that were planned from what `Maintenance.runDue` found, and makes their runs; answers for each queue,
   * in order, with one verdict for each step. One round trip. Repeated, every step is `stale`. Script `apply-steps`.
   */
  applySteps(
    planned: readonly OfQueue<readonly Step[]>[],
  ): Promise<readonly OfQueue<AppliedSteps>[]>;

  /**
   * Deletes schedules and their history; answers for each, in order. A schedule that another source made is `foreign`
   * and stays. The jobs that were made stay too. Repeated, it answers `unknown`. Script `delete-schedules`.
   */
  delete(
    queue: string,
    ids: readonly string[],
    source: ScheduleSource,
  ): Promise<readonly DeletedSchedule[]>;

  /**
   * Stops a schedule until it is resumed; one that has ended is `unfit`. Repeated, it is `unchanged`.
   * @throws SignalboxError `state_conflict` if other callers keep changing the schedule
   */
  pause(queue: string, id: string): Promise<Changed>;

  /**
   * Continues a paused or faulty schedule; one that has ended is `unfit`. Times that passed meanwhile are not made up
   * for, except the only time of a schedule that has one. Repeated, it is `unchanged`.
   * @throws SignalboxError `state_conflict` if other callers keep changing the schedule
   */
  resume(queue: string, id: string): Promise<Changed>;

  /**
   * Makes a run now, whatever else runs and whatever the schedule's state is. Repeated with the same `nonce`, it is
   * `unchanged`; `taken` if a job that is no such run has the id.
   * @throws SignalboxError `state_conflict` if other callers keep changing the schedule
   */
  runNow(queue: string, id: string, nonce: string): Promise<Changed>;

  /**
   * Moves the next run to `atMs` (milliseconds since 1970). It replaces the planned time, and all times between the two.
   * `unfit` if the schedule has ended, is faulty or has no next time; `outside` if `atMs` is before its start or after its
   * end. Repeated, it is `unchanged`.
   * @throws SignalboxError `state_conflict` if other callers keep changing the schedule
   */
  move(queue: string, id: string, atMs: number): Promise<Changed>;

  /**
   * A page of a queue's schedules, ordered by id. Examines at most 1,000, so a page can hold fewer than `limit`, even
   * none, while `last` is set. Script `list-schedules`.
   */
  list(queue: string, page: SchedulePageRequest): Promise<SchedulePage>;

  /**
   * How many schedules that have not ended there are in all of `queues` together, or how many are due by `before`
   * (milliseconds since 1970). Script `count-schedules`.
   */
  count(queues: readonly string[], before: number | null): Promise<number>;

  /** What a schedule did, the newest first, and the states of its runs; empty if it is not known. Script `read-history`. */
  history(queue: string, id: string): Promise<HistoryReply>;

  /** The deployed list as it was last applied, as text; `null` if none ever was (`GET`, no script). */
  declared(): Promise<string | null>;

  /** Stores the deployed list as applied (`SET`, no script). */
  declare(list: string): Promise<void>;
}

/** How many times a change is computed before a schedule that keeps changing is given up. */
const maxTries = 5;

/** Binds the scripts to a Redis and a naming. */
export function createScheduleLedger(options: LedgerOptions): ScheduleLedger {
  const { naming, signer } = options;
  const { clock, run, onEach } = bind(options);
  const keysOf = (queue: string) => queueKeys(naming, queue);
  const apply = createApplySteps(options);

  async function read(queues: readonly string[], id: string): Promise<FoundSchedule | null> {
    const replies = await onEach(
      queues,
      (queue) => readSchedules.call({ keys: keysOf(queue), args: { clock: clock() }, list: [id] }),
      readSchedules.parse,
    );
    for (const { queue, value } of replies) {
      const record = itemAt(exactly(value.records, 1, "records"), 0, "a record");
      if (record !== null)
        return { queue, nowMs: value.nowMs, schedule: parseSchedule(id, record) };
    }
    return null;
  }

  /** Reads a schedule, computes a step and applies it; starts over if another caller changed the schedule first. */
  async function change(
    queue: string,
    id: string,
    decide: (schedule: StoredSchedule, nowMs: number) => Decision,
  ): Promise<Changed> {
    for (let tries = 0; tries < maxTries; tries++) {
      const found = await read([queue], id);
      if (found === null) return { kind: "unknown" };
      const step = decide(found.schedule, found.nowMs);
      if (typeof step === "string") return { kind: step, schedule: found.schedule };
      const applied = itemAt(await apply([{ queue, value: [step] }]), 0, "applied steps");
      const verdict = itemAt(applied.value.verdicts, 0, "a verdict");
      if (verdict === "stale") continue;
      if (verdict === "unknown") return { kind: "unknown" };
      if (verdict === "repeated") return { kind: "unchanged", schedule: found.schedule };
      if (verdict === "taken") return { kind: "taken", schedule: found.schedule };
      const after = await read([queue], id);
      // Deleted since: the change was made all the same.
      const schedule = after?.schedule ?? { ...found.schedule, ...changedBy(step) };
      return { kind: "changed", schedule };
    }
    throw new SignalboxError(
      "state_conflict",
      `expected schedule ${id} to stay as it is for a moment; others keep changing it: try again`,
    );
  }

  return {
    read,
    signedBy: () => Promise.resolve(signer?.keyId ?? null),
    put: createPut(options, apply),
    applySteps: apply,

    async delete(queue, ids, source) {
      const call = deleteSchedules.call({ keys: keysOf(queue), args: { source }, list: ids });
      return exactly(await run(call, deleteSchedules.parse), ids.length, "answers");
    },

    pause: (queue, id) => change(queue, id, pauseStep),
    resume: (queue, id) => change(queue, id, resumeStep),
    runNow: (queue, id, nonce) =>
      change(queue, id, (schedule, nowMs) => runNowStep(schedule, nowMs, nonce)),
    move: (queue, id, atMs) => change(queue, id, (schedule) => moveStep(schedule, atMs)),

    list: (queue, page) =>
      run(listSchedules.call({ keys: keysOf(queue), args: { ...page } }), listSchedules.parse),

    async count(queues, before) {
      const args = { before: before ?? "-" };
      const counts = await onEach(
        queues,
        (queue) => countSchedules.call({ keys: keysOf(queue), args }),
        countSchedules.parse,
      );
      return counts.reduce((sum, { value }) => sum + value, 0);
    },

    history: (queue, id) =>
      run(readHistory.call({ keys: keysOf(queue), args: { id } }), readHistory.parse),

    declared: () =>
      run({ command: ["GET", declaredKey(naming)] }, (reply) =>
        reply === null ? null : text(reply),
      ),

    declare: (list) => run({ command: ["SET", declaredKey(naming), list] }, (): void => undefined),
  };
}
