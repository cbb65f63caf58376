/** The failed set: what failed for good, to be looked at, sent again or deleted, one or many. */
import type { Handler } from "hono";
import * as z from "zod";
import type { JobLedger } from "../../protocol/ledger/jobs.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import type { DeletedJob } from "../../protocol/scripts/delete-jobs.ts";
import type { Resent } from "../../protocol/scripts/resend.ts";
import { readJson } from "../http/body.ts";
import type { AppDeps } from "../deps.ts";
import { jobId, jobName, queueName } from "../jobs/request.ts";
import { failedLine, type FailedLine } from "../jobs/view.ts";
import { pageLimit } from "../http/page-limit.ts";
import { objectError, refuseQuery, validate, validateQuery } from "../http/validation.ts";

/** How much one request looks at: so many jobs, in so many requests to Redis. */
const maxExamined = 1_000;
const maxRounds = 10;
const pageSize = 250;

const failureCode = z
  .string("expected the code of a failure")
  .regex(/^\w{1,64}$/, "expected the code of a failure");
const cursor = z
  .string("expected a cursor that this route gave")
  .regex(/^\d{1,9}$/, "expected a cursor that this route gave");
const wholeIds = "expected an array of 1 to 1000 ids";

/** Query of `GET /v1/failed`. */
export const failedQuery = z.strictObject(
  {
    queue: queueName.default(defaultQueue),
    name: jobName.exactOptional(),
    code: failureCode.exactOptional(),
    cursor: cursor.exactOptional(),
    limit: pageLimit,
  },
  { error: objectError("a query of queue, name, code, cursor and limit") },
);

/** Body of `POST /v1/failed/resend` and `POST /v1/failed/delete`: ids, or all that match. */
export const failedSelection = z
  .strictObject(
    {
      queue: queueName.default(defaultQueue),
      ids: z.array(jobId, wholeIds).min(1, wholeIds).max(1_000, wholeIds).exactOptional(),
      name: jobName.exactOptional(),
      code: failureCode.exactOptional(),
      cursor: cursor.exactOptional(),
    },
    { error: objectError("an object with queue?, and either ids or name?, code? and cursor?") },
  )
  .refine(
    ({ ids, name, code, cursor: from }) =>
      ids === undefined || (name === undefined && code === undefined && from === undefined),
    "expected either ids, or name, code and cursor",
  );

interface Filter {
  readonly name?: string;
  readonly code?: string;
}

interface Found {
  readonly lines: readonly FailedLine[];
  /** Where to go on; null at the end of the set. */
  readonly next: number | null;
}

type Failed = Pick<AppDeps, "ledger">;

/**
 * A page, latest failure first. `cursor` is null at the end and only there: where few match, a page may
 * hold fewer than `limit`, even none. Failures that come while one pages move the others on, so that
 * a job can be seen twice; what is sent again or deleted meanwhile moves them back.
 */
export function listFailed({ ledger }: Failed): Handler {
  return async (c) => {
    const { queue, limit, cursor: from, ...filter } = validateQuery(failedQuery, c.req.queries());
    const page = await collect(ledger, queue, { ...filter, limit, offset: Number(from ?? 0) });
    return c.json({ jobs: page.lines, cursor: encode(page.next) });
  };
}

/**
 * 202 with the ids that were sent again: those given, or all that match among the next 1,000 of the
 * failed set, with the `cursor` to go on from. `skipped` names the others, and why. Asked again because
 * an answer was lost, it skips what is done already: nothing is sent twice.
 */
export function resendFailed({ ledger }: Failed): Handler {
  return manyOf<Resent>(ledger, {
    done: "resent",
    act: (queue, ids) => ledger.resend(queue, ids, "failed"),
    isDone: (outcome) => outcome === "resent",
    // Sent again by our own call, which was repeated, or by another that came before it.
    wasDone: (outcome) => outcome === "alive" || outcome === "succeeded",
  });
}

/** 202 with the ids that were deleted, likewise. */
export function deleteFailed({ ledger }: Failed): Handler {
  return manyOf<DeletedJob>(ledger, {
    done: "deleted",
    act: (queue, ids) => ledger.delete(queue, ids, "failed"),
    isDone: (outcome) => outcome === "deleted",
    wasDone: (outcome) => outcome === "unknown",
  });
}

/** What is done to many, and how its outcomes are to be read. */
interface Action<Outcome> {
  readonly done: string;
  readonly act: (queue: string, ids: readonly string[]) => Promise<readonly Outcome[]>;
  readonly isDone: (outcome: Outcome) => boolean;
  /** Whether it has been done meanwhile to a job that was seen as failed. */
  readonly wasDone: (outcome: Outcome) => boolean;
}

function manyOf<Outcome extends string>(
  ledger: Failed["ledger"],
  { done, act, isDone, wasDone }: Action<Outcome>,
): Handler {
  return async (c) => {
    refuseQuery(c.req.queries());
    const { value } = await readJson(c.req.raw, { maxBytes: 262_144, maxDepth: 3 });
    const { queue, ids, cursor: from, ...filter } = validate(failedSelection, value);
    const page = { ...filter, limit: maxExamined, offset: Number(from ?? 0) };
    const seen = ids === undefined ? await collect(ledger, queue, page) : null;
    const asked = seen?.lines.map(({ id }) => id) ?? [...new Set(ids)];
    const outcomes = asked.length === 0 ? [] : await act(queue, asked);

    const acted: string[] = [];
    const skipped: { readonly id: string; readonly reason: "unknown" | "not_failed" }[] = [];
    outcomes.forEach((outcome, at) => {
      const id = asked[at] ?? "";
      if (isDone(outcome) || (seen !== null && wasDone(outcome))) acted.push(id);
      else skipped.push({ id, reason: outcome === "unknown" ? "unknown" : "not_failed" });
    });
    // All that was seen has left the set: what comes next has moved up.
    const next = seen === null || seen.next === null ? null : seen.next - asked.length;
    return c.json({ [done]: acted, skipped, cursor: encode(next) }, 202);
  };
}

function encode(next: number | null): string | null {
  return next === null ? null : String(next);
}

/** Reads on until `limit` jobs match, the set ends, or enough were examined for one request. */
async function collect(
  ledger: Pick<JobLedger, "failed">,
  queue: string,
  { limit, offset, ...filter }: Filter & { readonly limit: number; readonly offset: number },
): Promise<Found> {
  const lines: FailedLine[] = [];
  const isFiltered = filter.name !== undefined || filter.code !== undefined;
  let at = offset;
  for (let round = 0; round < maxRounds && at < offset + maxExamined; round++) {
    const asked = isFiltered ? pageSize : Math.min(pageSize, limit - lines.length);
    const { examined, jobs } = await ledger.failed(queue, { offset: at, limit: asked });
    if (examined === 0) return { lines, next: null };
    for (const [place, job] of jobs.entries()) {
      const line = failedLine(queue, job);
      if (matches(line, filter)) lines.push(line);
      if (lines.length === limit) return { lines, next: at + place + 1 };
    }
    at += examined;
  }
  return { lines, next: at };
}

function matches(line: FailedLine, { name, code }: Filter): boolean {
  return (
    (name === undefined || line.name === name) && (code === undefined || line.error?.code === code)
  );
}
