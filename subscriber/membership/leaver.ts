/** Tells the ledger that this process's nodes take no more jobs, and at last that they are gone. */
import type { Logger } from "pino";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { Assignment } from "./assignment.ts";

/** See `createLeaver`. */
export interface Leaver {
  /**
   * Leaves every assignment that has joined and is still this process's. Never rejects: a node whose leaving Redis did
   * not hear of is found out when a job is next sent to it. Repeat-safe.
   */
  leave(step: "draining" | "gone"): Promise<void>;
}

/** What a leaver reads of the subscriber. */
export interface LeaverContext {
  readonly nodeLedger: Pick<NodeLedger, "leave">;
  readonly assignments: readonly Assignment[];
  readonly log: Pick<Logger, "warn">;
}

/** Creates it. */
export function createLeaver({ nodeLedger, assignments, log }: LeaverContext): Leaver {
  async function leaveOne(assignment: Assignment, step: "draining" | "gone"): Promise<void> {
    const { node, queue, epoch } = assignment;
    if (assignment.phase === "superseded" || epoch === null) return;
    assignment.phase = "left";
    try {
      await nodeLedger.leave(queue, { node, epoch }, step);
    } catch (error) {
      const message = "could not leave; the next dispatch to the node finds nobody there";
      log.warn({ node, queue, step, reason: String(error) }, message);
    }
  }

  return {
    async leave(step) {
      await Promise.all(assignments.map((assignment) => leaveOne(assignment, step)));
    },
  };
}
