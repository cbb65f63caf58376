/**
 * The original's own wire format: a bare id on a node's channel is run by the default handler, and
 * the same bare id goes to `CHANNEL_RESULT`. The ledger knows nothing of these jobs; the sender
 * accepted that they can be lost.
 */
import type { SubscriberEvents } from "../events.ts";

/** How many bare ids may wait in memory for one node. */
const maxWaiting = 10_000;

/** What a bare runner is given. */
export interface BareOptions {
  readonly slots: number;
  readonly node: string;
  /** Runs the default handler; resolves to whether it succeeded. */
  readonly run: (id: string) => Promise<boolean>;
  readonly publish: (id: string) => Promise<void>;
  readonly refuse: (id: string, reason: string) => void;
  readonly events: SubscriberEvents;
}

/** Creates the runner of one node: at most `slots` at once, the others in order of arrival. */
export function createBareRunner({ slots, node, run, publish, refuse, events }: BareOptions) {
  const waiting: string[] = [];
  let running = 0;
  const whenIdle = new Set<() => void>();

  async function runOne(id: string): Promise<void> {
    let ok = false;
    try {
      ok = await run(id);
      if (ok) await publish(id);
    } catch (error) {
      ok = false;
      refuse(id, error instanceof Error ? error.message : String(error));
    }
    events.emit("bare:ended", { id, node, ok });
    running--;
    next();
  }

  function next(): void {
    while (running < slots) {
      const id = waiting.shift();
      if (id === undefined) break;
      running++;
      void runOne(id);
    }
    if (running > 0) return;
    for (const resolve of whenIdle) resolve();
    whenIdle.clear();
  }

  return {
    add(id: string): void {
      if (waiting.length >= maxWaiting) {
        refuse(id, `${maxWaiting} bare ids wait for this node already`);
        return;
      }
      waiting.push(id);
      next();
    },
    /** Resolves when none runs or waits. */
    idle(): Promise<void> {
      if (running === 0 && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => whenIdle.add(resolve));
    },
  };
}
