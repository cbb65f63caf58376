/**
 * Results that the function's hook refused. Each outbox entry waits by itself for its next try, and is given up to the
 * tick after a while; nothing else waits for them.
 */
import { backoffMs } from "../connection/backoff.ts";
import { sleep } from "../connection/sleep.ts";
import type { Delivery } from "./callback.ts";

/** How long an entry is tried here, in milliseconds. The tick continues with it for seven days. */
const giveUpMs = 600_000;
const waits = { firstMs: 1_000, capMs: 60_000 };

/** A refused delivery. */
export interface Refused {
  readonly delivery: Delivery;
  /** How often it has been refused. */
  readonly tries: number;
  /** When it was refused first, in milliseconds by `performance.now`. */
  readonly sinceMs: number;
}

/** See `createSetAside`. */
export interface SetAside {
  /**
   * Has it tried again after a wait that doubles with its tries.
   * @returns the wait in milliseconds; null if it is given up
   */
  readonly add: (refused: Refused) => number | null;
}

interface Waiting extends Refused {
  readonly dueMs: number;
}

/** What it is given. */
export interface SetAsideOptions {
  /** How many of these, from the first on, go in one request: at least 1. */
  readonly fitting: (deliveries: readonly Delivery[]) => number;
  /** Sends what is due: never more than one call at a time. Never rejects; what is refused again is added again. */
  readonly send: (due: readonly Refused[]) => Promise<void>;
  /** Once aborted, nothing is sent any more. */
  readonly signal: AbortSignal;
}

/** Creates it, empty. It has a timer only while something waits. */
export function createSetAside({ fitting, send, signal }: SetAsideOptions): SetAside {
  let waiting: Waiting[] = [];
  let isRunning = false;
  let wake = new AbortController();

  async function run(): Promise<void> {
    const isStopped = () => signal.aborted;
    while (waiting.length > 0 && !isStopped()) {
      const nextMs = waiting.reduce((least, { dueMs }) => Math.min(least, dueMs), Infinity);
      wake = new AbortController();
      await sleep(
        Math.max(0, Math.ceil(nextMs - performance.now())),
        AbortSignal.any([signal, wake.signal]),
      );
      const now = performance.now();
      const due = waiting.filter(({ dueMs }) => dueMs <= now);
      if (due.length === 0 || isStopped()) continue;
      const batch = new Set(due.slice(0, fitting(due.map(({ delivery }) => delivery))));
      waiting = waiting.filter((each) => !batch.has(each));
      await send([...batch]);
    }
    isRunning = false;
  }

  return {
    add(refused) {
      const now = performance.now();
      if (signal.aborted || now - refused.sinceMs > giveUpMs) return null;
      const waitMs = backoffMs(refused.tries, waits);
      waiting.push({ ...refused, dueMs: now + waitMs });
      wake.abort();
      if (!isRunning) {
        isRunning = true;
        void run();
      }
      return waitMs;
    },
  };
}
