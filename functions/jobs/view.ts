/** Jobs as callers see them; the types are those of `protocol/api/jobs.ts`. */
import type {
  EarlierError,
  Ended,
  JobLine,
  JobView,
  Receipt,
  RunView,
} from "../../protocol/api/jobs.ts";
import type { Dispatched } from "../../protocol/ledger/jobs.ts";
import { scheduledRun } from "../../protocol/schedule/schedule.ts";
import type { Listed } from "../../protocol/scripts/list-jobs.ts";
import { decodeBody, type RunOf } from "../../protocol/wire/job.ts";
import { decodeResultTexts } from "../../protocol/wire/messages.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import {
  type AttemptError,
  type Ended as EndedRecord,
  parseRecord,
  parseResultRecord,
  stampMs,
  type Stored,
} from "../../protocol/wire/record.ts";

/** The answer to a dispatched job that was accepted. */
export function receipt(accepted: Dispatched & { readonly kind: "accepted" }): Receipt {
  const { id, state, node, delivered, queue, duplicate, deduplicated } = accepted;
  const held = deduplicated === undefined ? {} : { deduplicated };
  return { id, state, node, delivered, queue, duplicate, ...held };
}

/** All of a job. */
export function jobView(id: string, queue: string, job: Stored): JobView {
  const { payload, schedule } = decodeBody(job.body);
  const ended = job.ended;
  const message = ended === undefined ? undefined : decodeResultTexts(ended.text)?.[0];
  return {
    ...lineOf(id, queue, job, ended),
    recorded: ended?.recorded ?? false,
    ...omitUndefined({
      payload,
      schedule: schedule === undefined ? undefined : runView(schedule),
      result: message?.result,
      error: message?.error,
      durationMs: message?.durationMs,
      errors: job.errors.length === 0 ? undefined : job.errors.map(earlier),
    }),
  };
}

/** All of a job that has ended; null for another. */
export function endedView(id: string, queue: string, job: Stored): Ended<JobView> | null {
  if (job.ended === undefined) return null;
  const { state, entry } = job.ended;
  return { ...jobView(id, queue, job), state, finishedAt: isoTime(entry) };
}

function runView(schedule: RunOf): RunView {
  const run = scheduledRun(schedule);
  return { ...run, scheduledAt: new Date(run.scheduledAt).toISOString() };
}

function earlier({ at, ...rest }: AttemptError): EarlierError {
  return { ...rest, at: new Date(at).toISOString() };
}

/** A job as lists show it. @throws SignalboxError `reply_unexpected` */
export function jobLine(queue: string, { id, record, ended }: Listed): JobLine {
  return lineOf(
    id,
    queue,
    parseRecord(record),
    ended === null ? undefined : parseResultRecord(ended),
  );
}

/** A job as lists show it, from its record and, once it has ended, the record of its result. */
export function lineOf(
  id: string,
  queue: string,
  job: Stored,
  ended: Omit<EndedRecord, "recorded"> | undefined = job.ended,
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
