/**
 * Does what is due without polling: leases that end, delayed jobs, retries, deadlines, schedules. One
 * timer for the whole process, set by what each look answers and by the control channel. With nothing to come
 * there is no timer, and an idle subscriber sends nothing.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { OfQueue, Timing } from "../../protocol/ledger/binding.ts";
import type { Upkeep } from "../../protocol/ledger/maintenance.ts";
import type { SubscriberEvents } from "../events.ts";

/** How many moments one call handles. */
const limit = 500;
/** Timers fire early by up to a millisecond; a look that comes too early is made again. */
const slackMs = 2;
/** The longest wait that `setTimeout` takes. */
const longestMs = 2_147_483_647;

/** `due`: delayed jobs, retries, deadlines. `lease`: the ends of leases. */
export type MomentKind = "due" | "lease";

/** What `createMoments` is given. */
export interface MomentsOptions {
  readonly upkeep: Pick<Upkeep, "expire">;
  /** Does what is due, schedules included. */
  readonly wake: (
    queues: readonly string[],
    limit: number,
  ) => Promise<readonly OfQueue<{ readonly nextInMs: number | null }>[]>;
  /** Ours; moments of other queues are for their own subscribers. */
  readonly queues: readonly string[];
  readonly timing: Timing;
  readonly events: SubscriberEvents;
}

/** Creates the watch. */
export function createMoments({ upkeep, wake, queues, timing, events }: MomentsOptions) {
  type Answer = Promise<readonly OfQueue<{ readonly nextInMs: number | null }>[]>;
  const kinds: Readonly<Record<MomentKind, (queues: readonly string[]) => Answer>> = {
    due: (some) => wake(some, limit),
    lease: (some) => upkeep.expire(some, limit),
  };
  /** When each queue is next to be looked at, in milliseconds of `performance.now()`. */
  const looks = { due: new Map<string, number>(), lease: new Map<string, number>() };
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;

  function schedule(): void {
    clearTimeout(timer);
    const next = Math.min(...looks.due.values(), ...looks.lease.values());
    if (isLooking || next === Infinity) return;
    const inMs = Math.max(0, next - performance.now());
    timer = setTimeout(() => void look(), Math.min(longestMs, inMs + slackMs));
  }

  async function look(): Promise<void> {
    isLooking = true;
    await Promise.all([lookAt("lease"), lookAt("due")]);
    isLooking = false;
    schedule();
  }

  async function lookAt(kind: MomentKind): Promise<void> {
    const now = performance.now();
    const due = [...looks[kind]].filter(([, at]) => at <= now).map(([queue]) => queue);
    if (due.length === 0) return;
    for (const queue of due) looks[kind].delete(queue);
    try {
      for (const { queue, value } of await kinds[kind](due)) {
        if (value.nextInMs !== null) setLook(kind, queue, value.nextInMs);
      }
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      const retryInMs = Math.min(1_000, timing.unheardMs);
      events.emit("redis:failed", { during: "look at what is due", error, retryInMs });
      for (const queue of due) setLook(kind, queue, retryInMs);
    }
  }

  function setLook(kind: MomentKind, queue: string, inMs: number): void {
    const at = performance.now() + inMs;
    if (at < (looks[kind].get(queue) ?? Infinity)) looks[kind].set(queue, at);
  }

  /** Something of `queue` is to be looked at in `inMs` milliseconds. */
  const watch = (kind: MomentKind, queue: string, inMs: number): void => {
    const before = looks[kind].get(queue) ?? Infinity;
    if (!queues.includes(queue) || performance.now() + inMs >= before) return;
    setLook(kind, queue, inMs);
    schedule();
  };

  const stop = (): void => {
    clearTimeout(timer);
    looks.due.clear();
    looks.lease.clear();
  };

  return { watch, stop };
}
