/**
 * The original's own wire format: a bare id on a node's channel is run by the default handler, and the same bare id goes
 * to `CHANNEL_RESULT`. The ledger does not know these jobs, and their sender accepted that they can be lost.
 */
import type { Logger } from "pino";
import { dispatchChannel, type Naming } from "../../protocol/redis/keys.ts";
import type { Envelope } from "../../protocol/wire/messages.ts";
import { defaultJobName } from "../../protocol/wire/names.ts";
import { createJobLog } from "../attempt/job-output.ts";
import { type HandlerModule, startAttempt } from "../attempt/runner.ts";
import type { AssignmentConfig } from "../config/nodes.ts";
import type { SubscriberEvents } from "../events.ts";
import type { DeadLetters } from "../intake/dead-letters.ts";
import type { ForeignResults } from "./foreign-results.ts";

/** How many bare ids may wait in memory for one node. */
const maxWaiting = 10_000;

/** See `createBareIds`. */
export interface BareIds {
  /**
   * Runs a bare id that came to a node: as many concurrently as the node has slots in one queue, the others in order of
   * arrival. If too many wait already, or the outcome cannot be published, it goes to the dead letters.
   */
  add(node: string, id: string): void;
  /** Resolves when none runs or waits. */
  idle(): Promise<void>;
}

/** What is read of the subscriber. */
export interface BareIdsContext {
  readonly naming: Naming;
  readonly module: HandlerModule;
  readonly heard: readonly AssignmentConfig[];
  readonly events: SubscriberEvents;
  readonly log: Logger;
}

/** Which parts are called. */
export interface BareIdsParts {
  readonly foreign: Pick<ForeignResults, "publishBare">;
  readonly deadLetters: Pick<DeadLetters, "keepUnreadable">;
}

/** The bare ids of one node. */
interface NodeQueue {
  readonly node: string;
  readonly slots: number;
  readonly waiting: string[];
  running: number;
}

/** Creates the runner of bare ids of all nodes that are heard. */
export function createBareIds(
  { naming, module, heard, events, log }: BareIdsContext,
  { foreign, deadLetters }: BareIdsParts,
): BareIds {
  const queues = queuesOf(heard);
  const whenIdle = new Set<() => void>();

  function refuse(node: string, id: string, reason: string): void {
    deadLetters.keepUnreadable(dispatchChannel(naming, node), Buffer.from(id), reason);
  }

  async function runOne(queue: NodeQueue, id: string): Promise<void> {
    const { node } = queue;
    let ok = false;
    try {
      ok = await runHandler(node, id);
      if (ok) await foreign.publishBare(id);
    } catch (error) {
      ok = false;
      refuse(node, id, error instanceof Error ? error.message : String(error));
    }
    events.emit("bare:ended", { id, node, ok });
    queue.running--;
    startNext(queue);
  }

  /** Resolves to whether the default handler succeeded. */
  async function runHandler(node: string, id: string): Promise<boolean> {
    const name = defaultJobName;
    const envelope: Envelope = { v: 1, queue: "", node, token: "", attempt: 1, id, name };
    const run = startAttempt(envelope, {
      module,
      log: createJobLog(log, { id, node }),
      // A bare id is not in the ledger: nobody can watch it.
      progress: () => undefined,
      onUnresponsive: () => undefined,
    });
    const outcome = await run.outcome;
    if (outcome.kind === "failed") log.error({ id, node, ...outcome.failure }, "bare id failed");
    return outcome.kind === "done";
  }

  function startNext(queue: NodeQueue): void {
    while (queue.running < queue.slots) {
      const id = queue.waiting.shift();
      if (id === undefined) break;
      queue.running++;
      void runOne(queue, id);
    }
    if (!isIdle()) return;
    for (const resolve of whenIdle) resolve();
    whenIdle.clear();
  }

  function isIdle(): boolean {
    return [...queues.values()].every(
      ({ running, waiting }) => running === 0 && waiting.length === 0,
    );
  }

  return {
    add(node, id) {
      const queue = queues.get(node);
      if (queue === undefined) return; // a channel that is not listened on
      if (queue.waiting.length >= maxWaiting) {
        refuse(node, id, `${maxWaiting} bare ids wait for this node already`);
        return;
      }
      queue.waiting.push(id);
      startNext(queue);
    },
    idle() {
      if (isIdle()) return Promise.resolve();
      return new Promise((resolve) => whenIdle.add(resolve));
    },
  };
}

/** A bare id names no queue: a node runs as many concurrently as it has slots in the largest of its queues. */
function queuesOf(heard: readonly AssignmentConfig[]): ReadonlyMap<string, NodeQueue> {
  const byNode = Map.groupBy(heard, ({ node }) => node);
  return new Map(
    [...byNode].map(([node, some]) => {
      const slots = Math.max(...some.map((assignment) => assignment.slots));
      return [node, { node, slots, waiting: [], running: 0 }];
    }),
  );
}
