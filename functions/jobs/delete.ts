/** `DELETE /v1/jobs/:id`: forget a job that has ended. */
import type { Handler } from "hono";
import { SignalboxError } from "../../protocol/error.ts";
import { type FindDeps, requireJob } from "./find.ts";

/** Answers 204 once an ended job is deleted; 409 while it may still run. */
export function deleteJob(deps: FindDeps): Handler {
  return async (c) => {
    const { queue, id, job } = await requireJob(deps, c);
    const [outcome] = await deps.ledger.delete(queue, [id]);
    // Read, then unknown: our own call was repeated, or another came first. Either way it is done.
    if (outcome !== "alive") return c.body(null, 204);
    const is = job.ended === undefined ? job.state : "sent again";
    throw new SignalboxError(
      "state_conflict",
      `expected a job that has ended; ${id} is ${is}: cancel it first`,
    );
  };
}
