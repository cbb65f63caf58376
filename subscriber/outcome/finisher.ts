/** Sends the endings of one queue's attempts to the ledger, in few calls, and starts the next jobs that it answers. */
import { SignalboxError } from "../../protocol/error.ts";
import type { SlotUse } from "../../protocol/ledger/nodes.ts";
import { type Ending, leaseMember, type NodeLedger } from "../../protocol/ledger/nodes.ts";
import { itemAt } from "../../protocol/redis/reply.ts";
import type { Finished } from "../../protocol/scripts/finish.ts";
import { decodeDispatch } from "../../protocol/wire/messages.ts";
import { type Attempts, nameOf } from "../attempt/attempts.ts";
import type { EndingSink } from "../attempt/ending.ts";
import type { Executor } from "../attempt/executor.ts";
import { backoffMs } from "../connection/backoff.ts";
import { sleep } from "../connection/sleep.ts";
import type { SubscriberEvents } from "../events.ts";
import type { DeadLetters } from "../intake/dead-letters.ts";
import type { Assignment } from "../membership/assignment.ts";
import { createBatcher } from "./batcher.ts";
import type { Outbox } from "./outbox.ts";

/** See `createFinisher`. */
export interface Finisher extends EndingSink {
  /** Takes one ending; it is sent with all others of the queue that end in the same turn. */
  add(ending: Ending): void;
  /** Asks the ledger for jobs that wait for one of the queue's nodes, even if nothing has ended. */
  fetch(): void;
}

/** The finishers of all queues that this process serves. */
export interface Finishers {
  /** @throws SignalboxError `internal` for a queue that is not served here */
  of(queue: string): Finisher;
}

/** What a finisher reads of the subscriber. */
export interface FinisherContext {
  readonly nodeLedger: Pick<NodeLedger, "finish">;
  /** Of all queues. */
  readonly assignments: readonly Assignment[];
  readonly attempts: Pick<Attempts, "remove">;
  readonly outbox: Pick<Outbox, "add">;
  readonly events: SubscriberEvents;
  readonly stopping: AbortController;
}

/** Which parts a finisher calls. */
export interface FinisherParts {
  readonly executor: Executor;
  readonly deadLetters: Pick<DeadLetters, "keepUnreadable">;
}

/** Creates one finisher for each queue. */
export function createFinishers(
  context: FinisherContext & { readonly queues: readonly string[] },
  parts: FinisherParts,
): Finishers {
  const finishers = new Map(
    context.queues.map((queue) => [queue, createFinisher(queue, context, parts)]),
  );
  return {
    of(queue) {
      const finisher = finishers.get(queue);
      if (finisher !== undefined) return finisher;
      throw new SignalboxError("internal", `expected a queue that is served here, got ${queue}`);
    },
  };
}

/**
 * Creates the finisher of one queue. A call that fails is repeated until Redis answers or the subscriber stops: the
 * ledger takes each ending once. Only a reply that cannot be read is not asked for again; see `abandon`.
 */
export function createFinisher(
  queue: string,
  context: FinisherContext,
  { executor, deadLetters }: FinisherParts,
): Finisher {
  const { nodeLedger, attempts, outbox, events, stopping } = context;
  const assignments = new Map(
    context.assignments
      .filter((assignment) => assignment.queue === queue)
      .map((assignment) => [assignment.node, assignment]),
  );
  /** Whether the last call brought jobs: then the ledger looks into the backlog before it gives slots back. */
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

  function markWaiting(node: string, isWaiting: boolean): void {
    const assignment = assignments.get(node);
    if (assignment !== undefined) assignment.waiting = isWaiting;
  }

  function settle(batch: readonly Ending[], finished: Finished): void {
    const texts: string[] = [];
    const verdicts = batch.map((_, index) => itemAt(finished.verdicts, index, "a verdict"));
    verdicts.forEach((verdict, index) => {
      const ending = itemAt(batch, index, "an ending");
      const attempt = attempts.remove(queue, leaseMember(ending));
      const isResult = ending.state !== "released" && ending.state !== "retry";
      if (verdict === "stored" && isResult) texts.push(ending.text);
      if (verdict === "fenced" && attempt !== undefined)
        events.emit("attempt:fenced", nameOf(attempt.envelope));
    });
    for (const node of finished.waiting) markWaiting(node, true);
    wasBusy = finished.next.length > 0;
    for (const text of finished.next) startNext(text);
    if (finished.entry !== null) outbox.add({ queue, entry: finished.entry, texts });
  }

  /** Starts jobs that the ledger has leased to this process in its answer. */
  function startNext(text: string): void {
    const message = decodeDispatch(text);
    if (message.kind === "jobs") {
      for (const envelope of message.envelopes) executor.start(envelope, finisher);
    } else {
      deadLetters.keepUnreadable("finish", Buffer.from(text), "expected the envelope of a job");
    }
  }

  /**
   * A reply that cannot be read comes from scripts of another version, and will not become readable: the endings are
   * given up. Their attempts leave the table, so that nothing renews their leases. If the ledger has taken an ending it
   * counts; if not, the lease ends and the job is run again.
   */
  function abandon(batch: readonly Ending[], error: SignalboxError): void {
    for (const ending of batch) attempts.remove(queue, leaseMember(ending));
    events.emit("outcomes:abandoned", { queue, count: batch.length, reason: error.message });
  }

  async function send(batch: readonly Ending[]): Promise<void> {
    for (let failures = 0; ;) {
      const nodes = slotUse(batch);
      try {
        // Cleared before the call: a hint that comes while it is under way stays for the next one.
        for (const { node, waiting } of nodes) if (waiting) markWaiting(node, false);
        settle(batch, await nodeLedger.finish(queue, batch, { nodes, wasBusy }));
        return;
      } catch (error) {
        for (const { node, waiting } of nodes) if (waiting) markWaiting(node, true);
        if (!(error instanceof SignalboxError)) throw error;
        if (error.code === "reply_unexpected") {
          abandon(batch, error);
          return;
        }
        const retryInMs = backoffMs(++failures, { firstMs: 50, capMs: 5_000 });
        events.emit("redis:failed", { during: "finish", error, retryInMs });
        await sleep(retryInMs, stopping.signal);
        if (stopping.signal.aborted) return;
      }
    }
  }

  const sizeOf = ({ text }: Ending) => Buffer.byteLength(text);
  const batcher = createBatcher<Ending>({ sizeOf, send, signal: stopping.signal });
  const finisher: Finisher = { add: batcher.add, fetch: batcher.call };
  return finisher;
}
