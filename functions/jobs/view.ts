/** Jobs as callers see them. */
import { decodeResultTexts, type Failure } from "../../protocol/wire/messages.ts";
import type { ScheduledRun } from "../../protocol/wire/catalog.ts";
import { decodeBody, type JobState, type RunOf } from "../../protocol/wire/job.ts";
import type { Json } from "../../protocol/wire/json.ts";
import type { Dispatched } from "../../protocol/ledger/jobs.ts";
import {
  parseRecord,
  parseResultRecord,
  stampMs,
  type AttemptError,
  type Ended,
  type Stored,
} from "../../protocol/wire/record.ts";
import { scheduledRun } from "../../protocol/schedule/schedule.ts";
import type { FailedJob } from "../../protocol/scripts/list-failed.ts";
import type { Listed } from "../../protocol/scripts/list-jobs.ts";

/** A line of `GET /v1/jobs`. Times are ISO 8601, by Redis's clock. */
export interface JobLine {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly state: JobState;
  /** Where it runs or ran last; before that, the only node that may run it; else null. */
  readonly node: string | null;
  /** Attempts that ended without ending the job: how often it was tried again, or will be. */
  readonly retries: number;
  readonly deliveries: number;
  readonly acceptedAt: string;
  readonly finishedAt?: string;
  /** By when it must have been started. */
  readonly expiresAt?: string;
}

/** A line of `GET /v1/failed`. */
export interface FailedLine extends JobLine {
  readonly error?: Failure;
}

/** The answer of `GET /v1/jobs/:id`. */
export interface JobView extends JobLine {
  /** Whether the callback, or the tick, has recorded the result. */
  readonly recorded: boolean;
  readonly payload?: Json;
  /** Set where the job is a run of a schedule. */
  readonly schedule?: RunView;
  readonly result?: Json;
  readonly error?: Failure;
  /** Time that the handler took, in milliseconds. */
  readonly durationMs?: number;
  /** Failures of earlier attempts, latest first, at most ten. */
  readonly errors?: readonly EarlierError[];
}

/** Of which schedule a job is a run. */
export interface RunView extends Omit<ScheduledRun, "scheduledAt"> {
  readonly scheduledAt: string;
}

export interface EarlierError {
  readonly attempt: number;
  readonly node: string;
  readonly at: string;
  readonly error: Failure;
}

/** What a dispatch is answered with. */
export interface Receipt {
  readonly id: string;
  readonly state: JobState;
  readonly node: string | null;
  readonly delivered: boolean;
  readonly queue: string;
  readonly duplicate: boolean;
  /** Set where another job holds the deduplication key; `id` is that job's. */
  readonly deduplicated?: string;
}

export function receipt(accepted: Dispatched & { readonly kind: "accepted" }): Receipt {
  const { id, state, node, delivered, queue, duplicate, deduplicated } = accepted;
  const held = deduplicated === undefined ? {} : { deduplicated };
  return { id, state, node, delivered, queue, duplicate, ...held };
}

export function jobView(id: string, queue: string, job: Stored): JobView {
  const { payload, schedule } = decodeBody(job.body);
  const ended = job.ended;
  const message = ended === undefined ? undefined : decodeResultTexts(ended.text)?.[0];
  return {
    ...line(id, queue, job, ended),
    recorded: ended?.recorded ?? false,
    ...(payload === undefined ? {} : { payload }),
    ...(schedule === undefined ? {} : { schedule: runView(schedule) }),
    ...(message?.result === undefined ? {} : { result: message.result }),
    ...(message?.error === undefined ? {} : { error: message.error }),
    ...(message?.durationMs === undefined ? {} : { durationMs: message.durationMs }),
    ...(job.errors.length === 0 ? {} : { errors: job.errors.map(earlier) }),
  };
}

export function failedLine(queue: string, { id, record, ended }: FailedJob): FailedLine {
  const end = parseResultRecord(ended);
  const error = decodeResultTexts(end.text)?.[0]?.error;
  return {
    ...line(id, queue, parseRecord(record), end),
    ...(error === undefined ? {} : { error }),
  };
}

function runView(schedule: RunOf): RunView {
  const run = scheduledRun(schedule);
  return { ...run, scheduledAt: new Date(run.scheduledAt).toISOString() };
}

function earlier({ at, ...rest }: AttemptError): EarlierError {
  return { ...rest, at: new Date(at).toISOString() };
}

export function jobLine(queue: string, { id, record, ended }: Listed): JobLine {
  return line(
    id,
    queue,
    parseRecord(record),
    ended === null ? undefined : parseResultRecord(ended),
  );
}

/** Where a job is, without what it carries. */
export function stateLine(id: string, queue: string, job: Stored): JobLine {
  return line(id, queue, job, job.ended);
}

function line(
  id: string,
  queue: string,
  job: Stored,
  ended: Omit<Ended, "recorded"> | undefined,
): JobLine {
  return {
    id,
    name: job.name,
    queue,
    state: ended?.state ?? job.state,
    node: ended?.node ?? job.node ?? job.target,
    retries: job.attemptsUsed,
    deliveries: job.deliveries,
    acceptedAt: isoTime(job.accepted),
    ...(ended === undefined ? {} : { finishedAt: isoTime(ended.entry) }),
    ...(job.deadlineMs === null ? {} : { expiresAt: new Date(job.deadlineMs).toISOString() }),
  };
}

function isoTime(stamp: string): string {
  return new Date(stampMs(stamp)).toISOString();
}
