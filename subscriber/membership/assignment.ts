/** One node in one queue, as this process holds it. */
import type { DispatchMessage } from "../../protocol/wire/messages.ts";
import type { AssignmentConfig } from "../config/nodes.ts";

/**
 * - `joining`: subscribed for the first time, epoch not yet known. Messages are held.
 * - `live`: what comes on the channel is ours.
 * - `contested`: a message says that another process has joined. Nothing new starts until the ledger, asked by a
 *   join, says whether that is true: anybody can publish.
 * - `superseded`: another process has taken the node. Running attempts end; nothing new starts.
 * - `left`: draining. Running attempts end; nothing new comes.
 */
export type AssignmentPhase = "joining" | "live" | "contested" | "superseded" | "left";

/** Mutable: changed by `joiner.ts` and on messages. */
export interface Assignment extends AssignmentConfig {
  phase: AssignmentPhase;
  /** Names this incarnation of the node; null until the first join. */
  epoch: string | null;
  /** Whether jobs for this node alone are known to wait. */
  waiting: boolean;
  /** Whether the first join was answered before its own mark came: what comes until then is the predecessor's. */
  awaitsMark: boolean;
  /** What came before the first join was answered, in order. */
  held: DispatchMessage[];
}

/** A assignment that has not joined yet. */
export function createAssignment(config: AssignmentConfig): Assignment {
  return { ...config, phase: "joining", epoch: null, waiting: false, awaitsMark: false, held: [] };
}
