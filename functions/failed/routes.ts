/** `/v1/failed`: what failed for good: list it, send it again or delete it, one job or many. */
import type { Handler } from "hono";
import type {
  FailedLine,
  FailedPage,
  ManyDeleted,
  ManyResent,
  SkippedJob,
} from "../../protocol/api/failed.ts";
import { SignalboxError } from "../../protocol/error.ts";
import type { JobLedger } from "../../protocol/ledger/jobs.ts";
import type { RouteDeps, RoutesOf } from "../deps.ts";
import { readJson } from "../http/body.ts";
import { refuseQuery, validate, validateQuery } from "../http/validation.ts";
import type { failedOperations } from "./contract.ts";
import { failedQuery, failedSelection } from "./request.ts";
import { failedLine } from "./view.ts";

/** Bounds of one request: jobs examined, requests to Redis, and jobs read by each of those. */
const maxExamined = 1_000;
const maxRounds = 10;
const pageSize = 250;

export const failedRoutes: RoutesOf<typeof failedOperations> = {
  listFailed,
  resendFailed,
  deleteFailed,
};

interface Filter {
  readonly name?: string;
  readonly code?: string;
}

interface Found {
  readonly lines: readonly FailedLine[];
  /** Where to go on; null at the end of the set. */
  readonly next: number | null;
}

type FailedDeps = Pick<RouteDeps, "ledger">;

/**
 * Answers a page, latest failure first. `cursor` is null only at the end: where few match, a page may hold fewer than
 * `limit`, even none. Jobs that fail between two pages move the others on, so that a job can be seen twice; jobs that are
 * sent again or deleted move them back.
 */
function listFailed({ ledger }: FailedDeps): Handler {
  return async (c) => {
    const { queue, limit, cursor: from, ...filter } = validateQuery(failedQuery, c.req.queries());
    const page = await collect(ledger, queue, { ...filter, limit, offset: Number(from ?? 0) });
    return c.json({ jobs: page.lines, cursor: encode(page.next) } satisfies FailedPage);
  };
}

/**
 * Answers 202 with the ids that were sent again: those given, or all that match among the next 1,000 of the failed set,
 * with the `cursor` to go on from. `skipped` names the others, and why. A repetition skips what is done already: nothing is
 * sent twice.
 */
function resendFailed({ ledger, countJobs }: FailedDeps & Pick<RouteDeps, "countJobs">): Handler {
  return manyOf(ledger, {
    count: countJobs,
    act: (queue, ids) => ledger.resend(queue, ids, "failed"),
    isDone: (outcome) => outcome === "resent",
    // Sent again by our own call, which was repeated, or by another that came first.
    wasDone: (outcome) => outcome === "alive" || outcome === "succeeded",
    answer: (resent, more): ManyResent => ({ resent, ...more }),
  });
}

/** Answers 202 with the ids that were deleted, likewise. */
function deleteFailed({ ledger }: FailedDeps): Handler {
  return manyOf(ledger, {
    act: (queue, ids) => ledger.delete(queue, ids, "failed"),
    isDone: (outcome) => outcome === "deleted",
    wasDone: (outcome) => outcome === "unknown",
    answer: (deleted, more): ManyDeleted => ({ deleted, ...more }),
  });
}

/** What is done to many jobs, and how its outcomes are to be read. */
interface Action<Outcome> {
  /** Counts the jobs against the caller's rate, if they count. */
  readonly count?: RouteDeps["countJobs"];
  readonly act: (queue: string, ids: readonly string[]) => Promise<readonly Outcome[]>;
  readonly isDone: (outcome: Outcome) => boolean;
  /** Whether a job that was read as failed has had it done since. */
  readonly wasDone: (outcome: Outcome) => boolean;
  readonly answer: (
    ids: readonly string[],
    more: { readonly skipped: readonly SkippedJob[]; readonly cursor: string | null },
  ) => ManyResent | ManyDeleted;
}

function manyOf<Outcome extends string>(
  ledger: FailedDeps["ledger"],
  { count, act, isDone, wasDone, answer }: Action<Outcome>,
): Handler {
  return async (c) => {
    refuseQuery(c.req.queries());
    const { value } = await readJson(c.req.raw, { maxBytes: 262_144, maxDepth: 3 });
    const { queue, ids, cursor: from, ...filter } = validate(failedSelection, value);
    const page = { ...filter, limit: maxExamined, offset: Number(from ?? 0) };
    const seen = ids === undefined ? await collect(ledger, queue, page) : null;
    const asked = seen?.lines.map(({ id }) => id) ?? [...new Set(ids)];
    await count?.(c, asked.length, seen === null ? "all" : "atMost");
    const outcomes = asked.length === 0 ? [] : await act(queue, asked);

    const isActed = (outcome: Outcome) => isDone(outcome) || (seen !== null && wasDone(outcome));
    const { acted, skipped } = sorted(pairsOf(asked, outcomes), isActed);
    const cursor = cursorAfter(seen, asked.length);
    return c.json(answer(acted, { skipped, cursor }), 202);
  };
}

function sorted<Outcome extends string>(
  pairs: readonly { readonly id: string; readonly outcome: Outcome }[],
  isActed: (outcome: Outcome) => boolean,
) {
  const acted: string[] = [];
  const skipped: SkippedJob[] = [];
  for (const { id, outcome } of pairs) {
    if (isActed(outcome)) acted.push(id);
    else skipped.push({ id, reason: outcome === "unknown" ? "unknown" : "not_failed" });
  }
  return { acted, skipped };
}

/** Where to go on once the jobs that were read have left the set: what follows has moved up by as many. */
function cursorAfter(seen: Found | null, left: number): string | null {
  return seen === null || seen.next === null ? null : encode(seen.next - left);
}

/** @throws SignalboxError `reply_unexpected` where a job has no outcome */
function pairsOf<Outcome>(ids: readonly string[], outcomes: readonly Outcome[]) {
  return ids.map((id, at) => {
    const outcome = outcomes[at];
    if (outcome === undefined)
      throw new SignalboxError("reply_unexpected", `expected an outcome for job ${id}`);
    return { id, outcome };
  });
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
