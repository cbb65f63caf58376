/** The failed set: what failed for good, to be looked at, sent again or deleted, one or many. */
import type { Handler } from "hono";
import * as z from "zod";
import type { Ledger } from "../../protocol/ledger.ts";
import { defaultQueue } from "../../protocol/names.ts";
import { readJson } from "../body.ts";
import type { AppDeps } from "../deps.ts";
import { jobId, jobName, queueName } from "../job-request.ts";
import { failedLine, type FailedLine } from "../job-view.ts";
import { objectError, validate, validateQuery } from "../validation.ts";

/** How many jobs one request looks at. */
const maxExamined = 1_000;
const pageSize = 250;

const failureCode = z.string().regex(/^\w{1,64}$/, "expected the code of a failure");
const wholeLimit = "expected a whole number from 1 to 100";

const failedQuery = z.strictObject(
  {
    queue: queueName.default(defaultQueue),
    name: jobName.exactOptional(),
    code: failureCode.exactOptional(),
    cursor: z
      .string()
      .regex(/^\d{1,9}$/, "expected a cursor that this route gave")
      .exactOptional(),
    limit: z
      .string()
      .regex(/^\d{1,3}$/, wholeLimit)
      .transform(Number)
      .refine((limit) => limit >= 1 && limit <= 100, wholeLimit)
      .default(20),
  },
  { error: objectError("a query of queue, name, code, cursor and limit") },
);

const selection = z.strictObject(
  {
    queue: queueName.default(defaultQueue),
    ids: z
      .array(jobId)
      .min(1, "expected 1 to 1000 ids")
      .max(1_000, "expected 1 to 1000 ids")
      .exactOptional(),
    name: jobName.exactOptional(),
    code: failureCode.exactOptional(),
  },
  { error: objectError("queue?, and ids? or name? and code?") },
);

interface Filter {
  readonly name?: string;
  readonly code?: string;
}

type Failed = Pick<AppDeps, "ledger">;

/**
 * A page, latest failure first. `cursor` is null at the end and only there; failures that come while
 * one pages move the others on, so a job can be seen twice, never missed.
 */
export function listFailed({ ledger }: Failed): Handler {
  return async (c) => {
    const { queue, limit, cursor, ...filter } = validateQuery(failedQuery, c.req.queries());
    const page = await collect(ledger, queue, { ...filter, limit, offset: Number(cursor ?? 0) });
    return c.json({ jobs: page.lines, cursor: page.next === null ? null : String(page.next) });
  };
}

/** 202 with the ids that were sent again: those given, or all that match among the latest 1,000. */
export function resendFailed(deps: Failed): Handler {
  return manyOf(deps, "resent", deps.ledger.resend);
}

/** 202 with the ids that were deleted. */
export function deleteFailed(deps: Failed): Handler {
  return manyOf(deps, "deleted", deps.ledger.forget);
}

function manyOf(
  { ledger }: Failed,
  done: "resent" | "deleted",
  act: Ledger["resend" | "forget"],
): Handler {
  return async (c) => {
    const { value } = await readJson(c.req.raw, { maxBytes: 262_144, maxDepth: 3 });
    const { queue, ids, ...filter } = validate(selection, value);
    const { lines, next } =
      ids === undefined
        ? await collect(ledger, queue, { ...filter, limit: maxExamined, offset: 0 })
        : { lines: ids.map((id) => ({ id })), next: null };
    const found = lines.map(({ id }) => id);
    const acted = found.length === 0 ? [] : await act(queue, found);
    return c.json({ [done]: acted, more: next !== null }, 202);
  };
}

/** Reads on until `limit` jobs match, the set ends, or 1,000 were examined. */
async function collect(
  ledger: Pick<Ledger, "failed">,
  queue: string,
  { limit, offset, ...filter }: Filter & { readonly limit: number; readonly offset: number },
): Promise<{ readonly lines: readonly FailedLine[]; readonly next: number | null }> {
  const lines: FailedLine[] = [];
  let at = offset;
  while (at < offset + maxExamined) {
    const asked = Math.min(pageSize, limit - lines.length);
    const { examined, jobs } = await ledger.failed(queue, { offset: at, limit: asked });
    at += examined;
    for (const job of jobs) {
      const line = failedLine(queue, job);
      if (matches(line, filter)) lines.push(line);
    }
    if (examined === 0) return { lines, next: null };
    if (lines.length >= limit) break;
  }
  return { lines, next: at };
}

function matches(line: FailedLine, { name, code }: Filter): boolean {
  return (
    (name === undefined || line.name === name) && (code === undefined || line.error?.code === code)
  );
}
