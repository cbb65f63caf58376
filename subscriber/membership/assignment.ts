/** One node in one queue, as this process serves it. */
import type { DispatchMessage } from "../../protocol/wire/messages.ts";
import type { AssignmentConfig } from "../config/nodes.ts";

/**
 * - `joining`: subscribed for the first time, epoch not yet known. Messages are held.
 * - `live`: messages on the channel are for this process.
 * - `contested`: a message says that another process has joined. Nothing new starts until the ledger, asked by a join,
 *   says whether that is true: anybody can publish.
 * - `superseded`: another process has taken the node. Running attempts end; nothing new starts.
 * - `left`: draining. Running attempts end; the ledger sends nothing new.
 */
export type AssignmentPhase = "joining" | "live" | "contested" | "superseded" | "left";

/** Mutable: changed by `joiner.ts`, `leaver.ts` and `inbox.ts`, and `waiting` by `outcome/finisher.ts`. */
export interface Assignment extends AssignmentConfig {
  phase: AssignmentPhase;
  /** Names this incarnation of the node; null until the first join. */
  epoch: string | null;
  /** Whether jobs are known to wait that only this node may run. */
  waiting: boolean;
  /** Whether the first join was answered before its mark arrived: what arrives until then was sent to the predecessor. */
  awaitsMark: boolean;
  /** The messages that arrived before the first join was answered, in order. */
  held: DispatchMessage[];
}

/** An assignment that has not joined yet. */
export function createAssignment(config: AssignmentConfig): Assignment {
  return { ...config, phase: "joining", epoch: null, waiting: false, awaitsMark: false, held: [] };
}
