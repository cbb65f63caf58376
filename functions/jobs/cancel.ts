/** `POST /v1/jobs/:id/cancel`: stop a job, or keep it from starting. */
import type { Handler } from "hono";
import type { Cancelled } from "../../protocol/api/jobs.ts";
import { SignalboxError } from "../../protocol/error.ts";
import { terminalStates } from "../../protocol/wire/job.ts";
import { type FindDeps, notFound, requireJob } from "./find.ts";

/**
 * Answers 200 with the outcome: `cancelled` (it waited, or was cancelled before), `stopping` (its handler has been told to
 * stop) or `ended` (too late; `state` says how). A repetition gets the same outcome, or that of what followed.
 */
export function cancelJob(deps: FindDeps): Handler {
  return async (c) => {
    const { queue, id } = await requireJob(deps, c);
    const found = await deps.ledger.cancel(queue, id);
    switch (found.kind) {
      case "unknown":
        throw notFound(queue);
      case "stopping":
        return c.json({ id, queue, outcome: "stopping", state: "running" } satisfies Cancelled);
      case "cancelled":
        return c.json({ id, queue, outcome: "cancelled", state: "cancelled" } satisfies Cancelled);
      case "ended": {
        const state = terminalStates.find((each) => each === found.state);
        if (state === undefined) throw unexpected(found.state);
        const outcome = state === "cancelled" ? "cancelled" : "ended";
        return c.json({ id, queue, outcome, state } satisfies Cancelled);
      }
    }
  };
}

function unexpected(state: string): SignalboxError {
  return new SignalboxError("reply_unexpected", `expected the state of an ended job, got ${state}`);
}
