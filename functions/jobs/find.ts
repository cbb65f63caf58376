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
 * Looks in `queue` if given, else in every queue that the caller's token covers. Each queue has ids of its own: where two
 * queues have a job of that id the caller must say which, since anybody who may dispatch to one of them could have put
 * another job there to be read, cancelled or deleted in place of the caller's.
 * @throws SignalboxError `forbidden`; `invalid_request` where the id alone does not say which job is meant
 */
export async function findJob(
  { ledger, isAllowedQueue }: FindDeps,
  id: string,
  queue: string | undefined,
): Promise<Found | null> {
  if (!jobIdPattern.test(id)) return null;
  if (queue !== undefined) {
    const job = await ledger.read(queue, id);
    return job === null ? null : { queue, job };
  }
  const [job, queues] = await Promise.all([
    isAllowedQueue(defaultQueue) ? ledger.read(defaultQueue, id) : null,
    ledger.queues(),
  ]);
  const others = queues.filter((other) => other !== defaultQueue).sort();
  const found = others.length === 0 ? null : await ledger.find(others, id);
  if (job !== null && found !== null) throw ambiguous([defaultQueue, found.queue]);
  if (job !== null) return { queue: defaultQueue, job };
  if (found === null) return null;
  const rest = others.slice(others.indexOf(found.queue) + 1);
  const second = rest.length === 0 ? null : await ledger.find(rest, id);
  if (second !== null) throw ambiguous([found.queue, second.queue]);
  return found;
}

function ambiguous(queues: readonly [string, string]): SignalboxError {
  return new SignalboxError(
    "invalid_request",
    `queue: expected the name of a queue, since ${queues.join(" and ")} each have a job with this id`,
  );
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
