/**
 * Does what is due without polling: leases that end, delayed jobs, retries, deadlines, schedules. One
 * timer for the whole process, set by what each look answers and by the control channel. With nothing to come
 * there is no timer, and an idle subscriber sends nothing.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { OfQueue, Timing } from "../../protocol/ledger/binding.ts";
import type { Maintenance } from "../../protocol/ledger/maintenance.ts";
import type { SubscriberEvents } from "../events.ts";

/** How many moments one call handles. */
const limit = 500;
/** Timers fire early by up to a millisecond; a look that comes too early is made again. */
const slackMs = 2;
/** The longest wait that `setTimeout` takes. */
const longestMs = 2_147_483_647;

/** `due`: delayed jobs, retries, deadlines. `lease`: the ends of leases. */
export type DueKind = "due" | "lease";

/** What `createMoments` is given. */
export interface DueTimerOptions {
  readonly maintenance: Pick<Maintenance, "recover">;
  /** Does what is due, schedules included. */
  readonly runDue: (
    queues: readonly string[],
    limit: number,
  ) => Promise<readonly OfQueue<{ readonly nextInMs: number | null }>[]>;
  /** Ours; moments of other queues are for their own subscribers. */
  readonly queues: readonly string[];
  readonly timing: Timing;
  readonly events: SubscriberEvents;
}

/** Creates the watch. */
export function createDueTimer({ maintenance, runDue, queues, timing, events }: DueTimerOptions) {
  type Answer = Promise<readonly OfQueue<{ readonly nextInMs: number | null }>[]>;
  const kinds: Readonly<Record<DueKind, (queues: readonly string[]) => Answer>> = {
    due: (some) => runDue(some, limit),
    lease: (some) => maintenance.recover(some, limit),
  };
  /** When each queue is next to be looked at, in milliseconds of `performance.now()`. */
  const dueTimes = { due: new Map<string, number>(), lease: new Map<string, number>() };
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;

  function schedule(): void {
    clearTimeout(timer);
    const next = Math.min(...dueTimes.due.values(), ...dueTimes.lease.values());
    if (isRunning || next === Infinity) return;
    const inMs = Math.max(0, next - performance.now());
    timer = setTimeout(() => void run(), Math.min(longestMs, inMs + slackMs));
  }

  async function run(): Promise<void> {
    isRunning = true;
    await Promise.all([runKind("lease"), runKind("due")]);
    isRunning = false;
    schedule();
  }

  async function runKind(kind: DueKind): Promise<void> {
    const now = performance.now();
    const due = [...dueTimes[kind]].filter(([, at]) => at <= now).map(([queue]) => queue);
    if (due.length === 0) return;
    for (const queue of due) dueTimes[kind].delete(queue);
    try {
      for (const { queue, value } of await kinds[kind](due)) {
        if (value.nextInMs !== null) setDue(kind, queue, value.nextInMs);
      }
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      const retryInMs = Math.min(1_000, timing.unacknowledgedMs);
      events.emit("redis:failed", { during: "look at what is due", error, retryInMs });
      for (const queue of due) setDue(kind, queue, retryInMs);
    }
  }

  function setDue(kind: DueKind, queue: string, inMs: number): void {
    const at = performance.now() + inMs;
    if (at < (dueTimes[kind].get(queue) ?? Infinity)) dueTimes[kind].set(queue, at);
  }

  /** Something of `queue` is to be looked at in `inMs` milliseconds. */
  const watch = (kind: DueKind, queue: string, inMs: number): void => {
    const before = dueTimes[kind].get(queue) ?? Infinity;
    if (!queues.includes(queue) || performance.now() + inMs >= before) return;
    setDue(kind, queue, inMs);
    schedule();
  };

  const stop = (): void => {
    clearTimeout(timer);
    dueTimes.due.clear();
    dueTimes.lease.clear();
  };

  return { watch, stop };
}
