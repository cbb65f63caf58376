/** `GET /v1/jobs/:id`: one job, immediately or as soon as it has ended. */
import type { Handler } from "hono";
import { jobIdPattern } from "../../protocol/wire/names.ts";
import type { AppDeps } from "../deps.ts";
import { validateQuery } from "../http/validation.ts";
import { findJob, type Found, idOf, notFound } from "./find.ts";
import { readJobQuery } from "./request.ts";
import { jobView } from "./view.ts";

type ReadDeps = Pick<AppDeps, "ledger" | "isAllowedQueue" | "subscribe">;

/** Answers 200 with the job; with `wait`, once it has ended or that many seconds have passed. */
export function readJob(deps: ReadDeps & Pick<AppDeps, "deadline">): Handler {
  return async (c) => {
    const { queue, wait } = validateQuery(readJobQuery, c.req.queries());
    const id = idOf(c);
    const find = () => findJob(deps, id, queue);
    const read = async (): Promise<Found | null> => {
      if (!jobIdPattern.test(id)) return null;
      // A queue outside the token is read, which refuses it; nothing is listened for.
      if (wait === 0 || (queue !== undefined && !deps.isAllowedQueue(queue))) return find();
      const signal = AbortSignal.any([c.req.raw.signal, deps.deadline(wait * 1000)]);
      return waitForEnd(deps, id, find, signal);
    };
    const found = await read();
    if (found === null) throw notFound(queue);
    return c.json(jobView(id, found.queue, found.job));
  };
}

/**
 * Subscribes before it reads, so that an end in between is not missed. While no message mentions the job, Redis is asked
 * nothing. A stream that ends early makes an early answer, not an error. A caller that disconnects ends the wait where the
 * runtime reports it; the longest wait bounds the rest.
 */
async function waitForEnd(
  deps: ReadDeps,
  id: string,
  find: () => Promise<Found | null>,
  signal: AbortSignal,
): Promise<Found | null> {
  const results = await deps.subscribe(signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    return null;
  });
  if (results === null) return find();
  try {
    let found = await find();
    while (found !== null && found.job.ended === undefined) {
      const heard = await results.mentions(id);
      found = await findJob(deps, id, found.queue);
      if (!heard) break;
    }
    return found;
  } finally {
    await results.close();
  }
}
