/** `POST /v1/jobs/:id/resend`: run a job again that ended without success. */
import type { Handler } from "hono";
import type { Resent } from "../../protocol/api/jobs.ts";
import { SignalboxError } from "../../protocol/error.ts";
import { type FindDeps, notFound, requireJob } from "./find.ts";

/**
 * Answers 202 once a failed, cancelled or expired job is sent again, with all its attempts. A job that waits or runs is
 * left alone (`resent: false`): a request whose answer was lost may have sent it. 409 for one that has succeeded, or runs
 * and was asked to stop.
 */
export function resendJob(deps: FindDeps): Handler {
  return async (c) => {
    const { queue, id, job } = await requireJob(deps, c);
    const { state } = job;
    const [outcome] = await deps.ledger.resend(queue, [id]);
    if (outcome === undefined || outcome === "unknown") throw notFound(queue);
    // Read as fit, then refused as unfit: our own call was repeated, or another came first. Either way it is done.
    const isDone = job.ended !== undefined && state !== "succeeded" && outcome !== "stopping";
    if (outcome === "resent" || isDone)
      return c.json({ id, queue, resent: true } satisfies Resent, 202);
    if (outcome === "alive")
      return c.json({ id, queue, resent: false, state } satisfies Resent, 202);
    const is = outcome === "stopping" ? "being stopped: wait until it is cancelled" : outcome;
    throw new SignalboxError(
      "state_conflict",
      `expected a job that failed, expired or was cancelled; ${id} is ${is}`,
    );
  };
}
