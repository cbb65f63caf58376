/** `GET /v1/jobs/:id`: one job, at once or as soon as it has ended. */
import type { Handler } from "hono";
import * as z from "zod";
import { jobIdPattern } from "../../protocol/wire/names.ts";
import type { AppDeps } from "../deps.ts";
import { findJob, notFound, type Found } from "./find.ts";
import { queueName } from "./request.ts";
import { jobView } from "./view.ts";
import { objectError, validateQuery } from "../http/validation.ts";

const wholeWait = "expected a number of seconds from 0 to 25";
/** Query of `GET /v1/jobs/:id`. */
export const readJobQuery = z.strictObject(
  {
    queue: queueName.exactOptional(),
    wait: z
      .string()
      .regex(/^\d{1,2}(\.\d{1,3})?$/, wholeWait)
      .transform(Number)
      .refine((seconds) => seconds <= 25, wholeWait)
      .default(0)
      .meta({ type: "number", minimum: 0, maximum: 25, pattern: undefined }),
  },
  { error: objectError("a query of queue and wait") },
);

export function readJob(
  deps: Pick<AppDeps, "ledger" | "isAllowedQueue" | "subscribe" | "deadline">,
): Handler {
  return async (c) => {
    const { queue, wait } = validateQuery(readJobQuery, c.req.queries());
    // The route of the batch is also that of a job of this name.
    const id = c.req.param("id") ?? "batch";
    const look = () => findJob(deps, id, queue);
    // What is not the caller's is looked for, which refuses it, and not listened for.
    const found = !jobIdPattern.test(id)
      ? null
      : wait === 0 || (queue !== undefined && !deps.isAllowedQueue(queue))
        ? await look()
        : await waitForEnd(
            deps,
            id,
            look,
            AbortSignal.any([c.req.raw.signal, deps.deadline(wait * 1000)]),
          );
    if (found === null) throw notFound(queue);
    return c.json(jobView(id, found.queue, found.job));
  };
}

/**
 * Listens first and looks then, so that an end in between is not missed. Asks Redis nothing while
 * nothing is said of the job. A stream that ends early is an answer before its time, not an error.
 * A caller that goes away ends the wait where the runtime tells us; the longest wait bounds the rest.
 */
async function waitForEnd(
  deps: Pick<AppDeps, "ledger" | "isAllowedQueue" | "subscribe">,
  id: string,
  look: () => Promise<Found | null>,
  signal: AbortSignal,
): Promise<Found | null> {
  const results = await deps.subscribe(signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    return null;
  });
  if (results === null) return look();
  try {
    let found = await look();
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
