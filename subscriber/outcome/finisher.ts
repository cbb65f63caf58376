/** Sends the outcomes of one queue's attempts and takes the next jobs, gathered into few calls. */
import { SignalboxError } from "../../protocol/error.ts";
import type { Ending, NodeLedger, SlotUse } from "../../protocol/ledger/nodes.ts";
import { leaseMember } from "../../protocol/ledger/nodes.ts";
import type { Finished, FinishVerdict } from "../../protocol/scripts/finish.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { SubscriberEvents } from "../events.ts";
import { createBatcher } from "./batcher.ts";
import type { Assignment } from "../membership/assignment.ts";
import { sleep } from "../connection/sleep.ts";

/** What a finisher is given. */
export interface FinisherOptions {
  readonly ledger: NodeLedger;
  readonly queue: string;
  /** The queue's assignments by node. */
  readonly assignments: ReadonlyMap<string, Assignment>;
  readonly events: SubscriberEvents;
  /** Called for each ending once the ledger has answered for it. */
  readonly onVerdict: (queue: string, member: string, verdict: FinishVerdict) => void;
  /** Called with the envelopes of jobs that are now leased to us. */
  readonly onNext: (envelopes: readonly string[]) => void;
  /** Called with what was put into the outbox. */
  readonly onStored: (entry: { queue: string; entry: string; texts: readonly string[] }) => void;
  /** Aborts the waiting between tries; the endings stay with the ledger's leases then. */
  readonly signal: AbortSignal;
}

/** See `createFinisher`. */
export type Finisher = ReturnType<typeof createFinisher>;

/** Creates the finisher of one queue. */
export function createFinisher(options: FinisherOptions) {
  const { ledger, queue, assignments, events, onVerdict, onNext, onStored, signal } = options;
  /** Whether the last call brought jobs: then the backlog is looked into before slots are given back. */
  let wasBusy = false;

  function slotUse(batch: readonly Ending[]): readonly SlotUse[] {
    const ended = new Set(batch.map((ending) => ending.node));
    return [...assignments.values()]
      .filter((assignment) => ended.has(assignment.node) || assignment.waiting)
      .map((assignment) => ({
        node: assignment.node,
        mode: assignment.phase === "live" ? "take" : "pass",
        waiting: assignment.waiting && assignment.phase === "live",
      }));
  }

  function markWaiting(node: string, isWaiting = true): void {
    const assignment = assignments.get(node);
    if (assignment !== undefined) assignment.waiting = isWaiting;
  }

  function settle(batch: readonly Ending[], finished: Finished): void {
    const texts: string[] = [];
    batch.forEach((ending, at) => {
      const verdict = finished.verdicts[at] ?? "fenced";
      const isResult = ending.state !== "released" && ending.state !== "retry";
      if (verdict === "stored" && isResult) texts.push(ending.text);
      onVerdict(queue, leaseMember(ending), verdict);
    });
    for (const node of finished.waiting) markWaiting(node);
    wasBusy = finished.next.length > 0;
    onNext(finished.next);
    if (finished.entry !== null) onStored({ queue, entry: finished.entry, texts });
  }

  async function send(batch: readonly Ending[]): Promise<void> {
    for (let failures = 0; ;) {
      const nodes = slotUse(batch);
      try {
        // A hint that comes while the call is under way stays for the next one.
        for (const { node, waiting } of nodes) if (waiting) markWaiting(node, false);
        settle(batch, await ledger.finish(queue, batch, { nodes, wasBusy: wasBusy }));
        return;
      } catch (error) {
        for (const { node, waiting } of nodes) if (waiting) markWaiting(node);
        if (!(error instanceof SignalboxError)) throw error;
        const retryInMs = backoffMs(++failures, { firstMs: 50, capMs: 5_000 });
        events.emit("redis:failed", { during: "finish", error, retryInMs });
        await sleep(retryInMs, signal);
        if (signal.aborted) return;
      }
    }
  }

  const sizeOf = ({ text }: Ending) => Buffer.byteLength(text);
  const batcher = createBatcher<Ending>({ sizeOf, send, signal });

  return {
    /** Takes one outcome; it is sent with all others that end at once. */
    add: batcher.add,
    /** Looks for jobs that wait for one of our nodes. */
    fetch: batcher.call,
  };
}
