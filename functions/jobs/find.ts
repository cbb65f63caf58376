/** Where a job is: its id says nothing of its queue. */
import { SignalboxError } from "../../protocol/error.ts";
import { defaultQueue, jobIdPattern } from "../../protocol/wire/names.ts";
import type { Stored } from "../../protocol/wire/record.ts";
import type { AppDeps } from "../deps.ts";

export interface Found {
  readonly queue: string;
  readonly job: Stored;
}

/**
 * In `queue` if given; else in the default one, and only then in all others, by name: most jobs are in
 * the default one. Ids are each queue's own, so who uses one id in two queues must name the queue.
 * Queues that the caller's token is not good for are as if they were not, unless one of them is named.
 * @throws SignalboxError `forbidden`
 */
export async function findJob(
  { ledger, isAllowedQueue }: Pick<AppDeps, "ledger" | "isAllowedQueue">,
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

export function notFound(queue: string | undefined): SignalboxError {
  return new SignalboxError(
    "not_found",
    `expected the id of a job ${queue === undefined ? "" : `of queue ${queue} `}` +
      "that was accepted and not yet forgotten",
  );
}
