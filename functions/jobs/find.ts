/** Where a job is: its id does not name its queue. */
import type { Context } from "hono";
import { SignalboxError } from "../../protocol/error.ts";
import { defaultQueue, jobIdPattern } from "../../protocol/wire/names.ts";
import type { Stored } from "../../protocol/wire/record.ts";
import type { AppDeps } from "../deps.ts";
import { validateQuery } from "../http/validation.ts";
import { jobQuery } from "./request.ts";

/** What it takes to find a job. */
export type FindDeps = Pick<AppDeps, "ledger" | "isAllowedQueue">;

export interface Found {
  readonly queue: string;
  readonly job: Stored;
}

/** The id in the path. `/v1/jobs/batch` has none: it is also the path of a job with that id. */
export function idOf(c: Context): string {
  return c.req.param("id") ?? "batch";
}

/**
 * Looks in `queue` if given; else in the default queue, where most jobs are, and only then in all others, by name. Each
 * queue has ids of its own, so a caller that uses one id in two queues must name the queue. Queues that the caller's
 * token does not cover are passed over, unless one of them is named.
 * @throws SignalboxError `forbidden`
 */
export async function findJob(
  { ledger, isAllowedQueue }: FindDeps,
  id: string,
  queue: string | undefined,
): Promise<Found | null> {
  if (!jobIdPattern.test(id)) return null;
  const first = queue ?? defaultQueue;
  const isLeftOut = queue === undefined && !isAllowedQueue(defaultQueue);
  const job = isLeftOut ? null : await ledger.read(first, id);
  if (job !== null) return { queue: first, job };
  if (queue !== undefined) return null;
  const others = (await ledger.queues()).filter((other) => other !== defaultQueue).sort();
  return others.length === 0 ? null : ledger.find(others, id);
}

/**
 * The job that a request with no query but `queue` names.
 * @throws SignalboxError `not_found`, `invalid_request`, `forbidden`
 */
export async function requireJob(
  deps: FindDeps,
  c: Context,
): Promise<Found & { readonly id: string }> {
  const { queue } = validateQuery(jobQuery, c.req.queries());
  const id = idOf(c);
  const found = await findJob(deps, id, queue);
  if (found === null) throw notFound(queue);
  return { ...found, id };
}

export function notFound(queue: string | undefined): SignalboxError {
  return new SignalboxError(
    "not_found",
    `expected the id of a job ${queue === undefined ? "" : `of queue ${queue} `}` +
      "that was accepted and not yet forgotten",
  );
}
