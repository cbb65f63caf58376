/** What can be done with one job after it was accepted: cancel it, send it again, delete it. */
import type { Context, Handler } from "hono";
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import type { AppDeps } from "../deps.ts";
import { findJob, notFound, type Found } from "../find.ts";
import { queueName } from "../job-request.ts";
import { objectError, validateQuery } from "../validation.ts";

const manageQuery = z.strictObject(
  { queue: queueName.exactOptional() },
  { error: objectError("a query of queue") },
);

type Manage = Pick<AppDeps, "ledger">;

async function locate({ ledger }: Manage, c: Context): Promise<Found & { readonly id: string }> {
  const { queue } = validateQuery(manageQuery, c.req.queries());
  const id = c.req.param("id") ?? "";
  const found = await findJob(ledger, id, queue);
  if (found === null) throw notFound(queue);
  return { ...found, id };
}

/**
 * 200 with what came of it: `cancelled` (it waited), `stopping` (its handler has been told to stop) or
 * `ended` (too late; `state` says how).
 */
export function cancelJob(deps: Manage): Handler {
  return async (c) => {
    const { queue, id } = await locate(deps, c);
    const outcome = await deps.ledger.cancel(queue, id);
    if (outcome.kind === "unknown") throw notFound(queue);
    const state =
      outcome.kind === "ended"
        ? outcome.state
        : outcome.kind === "stopping"
          ? "running"
          : "cancelled";
    return c.json({ id, queue, outcome: outcome.kind, state });
  };
}

/** 202 once a failed, cancelled or expired job is sent again, with all its attempts; else 409. */
export function resendJob(deps: Manage): Handler {
  return async (c) => {
    const { queue, id, job } = await locate(deps, c);
    const [sent] = await deps.ledger.resend(queue, [id]);
    if (sent === undefined) {
      throw new SignalboxError(
        "state_conflict",
        `expected a job that failed, expired or was cancelled; ${id} is ${job.state}`,
      );
    }
    return c.json({ id, queue, resent: true }, 202);
  };
}

/** 204 once an ended job is deleted; 409 while it may still run. */
export function deleteJob(deps: Manage): Handler {
  return async (c) => {
    const { queue, id, job } = await locate(deps, c);
    const [deleted] = await deps.ledger.forget(queue, [id]);
    if (deleted === undefined) {
      throw new SignalboxError(
        "state_conflict",
        `expected a job that has ended; ${id} is ${job.state}: cancel it first`,
      );
    }
    return c.body(null, 204);
  };
}
