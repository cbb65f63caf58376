/**
 * What can be done with one job after it was accepted: cancel it, send it again, delete it. Each may
 * be asked for again where the answer was lost: what is done already is answered as done.
 */
import type { Context, Handler } from "hono";
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import type { AppDeps } from "../deps.ts";
import { findJob, notFound, type Found } from "./find.ts";
import { queueName } from "./request.ts";
import { objectError, validateQuery } from "../http/validation.ts";

/** Query of what is done with one job. */
export const jobQuery = z.strictObject(
  { queue: queueName.exactOptional() },
  { error: objectError("a query of queue") },
);

type Manage = Pick<AppDeps, "ledger" | "isAllowedQueue">;

async function locate(deps: Manage, c: Context): Promise<Found & { readonly id: string }> {
  const { queue } = validateQuery(jobQuery, c.req.queries());
  // The route of the batch is also that of a job of this name.
  const id = c.req.param("id") ?? "batch";
  const found = await findJob(deps, id, queue);
  if (found === null) throw notFound(queue);
  return { ...found, id };
}

/**
 * 200 with what came of it: `cancelled` (it waited, or was cancelled before), `stopping` (its handler
 * has been told to stop) or `ended` (too late; `state` says how).
 */
export function cancelJob(deps: Manage): Handler {
  return async (c) => {
    const { queue, id } = await locate(deps, c);
    const found = await deps.ledger.cancel(queue, id);
    switch (found.kind) {
      case "unknown":
        throw notFound(queue);
      case "stopping":
        return c.json({ id, queue, outcome: "stopping", state: "running" });
      case "cancelled":
        return c.json({ id, queue, outcome: "cancelled", state: "cancelled" });
      case "ended": {
        const outcome = found.state === "cancelled" ? "cancelled" : "ended";
        return c.json({ id, queue, outcome, state: found.state });
      }
    }
  };
}

/**
 * 202 once a failed, cancelled or expired job is sent again, with all its attempts. A job that waits
 * or runs is left alone (`resent: false`): it may have been sent again by a request whose answer was
 * lost. 409 for one that has succeeded, or runs and was asked to stop.
 */
export function resendJob(deps: Manage): Handler {
  return async (c) => {
    const { queue, id, job } = await locate(deps, c);
    const { state } = job;
    const [outcome] = await deps.ledger.resend(queue, [id]);
    if (outcome === undefined || outcome === "unknown") throw notFound(queue);
    // Seen as fit, found unfit: our call was repeated, or another came before it. Either way it is done.
    const isDone = job.ended !== undefined && state !== "succeeded" && outcome !== "stopping";
    if (outcome === "resent" || isDone) return c.json({ id, queue, resent: true }, 202);
    if (outcome === "alive") return c.json({ id, queue, resent: false, state }, 202);
    const is = outcome === "stopping" ? "being stopped: wait until it is cancelled" : outcome;
    throw new SignalboxError(
      "state_conflict",
      `expected a job that failed, expired or was cancelled; ${id} is ${is}`,
    );
  };
}

/** 204 once an ended job is deleted; 409 while it may still run. */
export function deleteJob(deps: Manage): Handler {
  return async (c) => {
    const { queue, id, job } = await locate(deps, c);
    const [outcome] = await deps.ledger.delete(queue, [id]);
    // Seen, then unknown: our call was repeated, or another came before it. Either way it is done.
    if (outcome !== "alive") return c.body(null, 204);
    const is = job.ended === undefined ? job.state : "sent again";
    throw new SignalboxError(
      "state_conflict",
      `expected a job that has ended; ${id} is ${is}: cancel it first`,
    );
  };
}
