/**
 * Does what is due without polling: leases that end, delayed jobs, retries, deadlines. One timer for
 * the whole process, set by our own starts, by what each look answers and by the control channel.
 * With nothing to come there is no timer, and an idle subscriber sends nothing.
 */
import { SignalboxError } from "../protocol/error.ts";
import type { Timing } from "../protocol/binding.ts";
import type { Upkeep } from "../protocol/upkeep.ts";
import type { SubscriberEvents } from "./events.ts";

/** How many moments one call handles. */
const limit = 500;
/** Timers fire early by up to a millisecond; a look that comes too early is made again. */
const slackMs = 2;
/** The longest wait that `setTimeout` takes. */
const longestMs = 2_147_483_647;

/** What `createMoments` is given. */
export interface MomentsOptions {
  readonly upkeep: Pick<Upkeep, "expire" | "wake">;
  /** Ours; moments of other queues are for their own subscribers. */
  readonly queues: readonly string[];
  readonly timing: Timing;
  readonly events: SubscriberEvents;
}

/** Creates the watch. */
export function createMoments({ upkeep, queues, timing, events }: MomentsOptions) {
  /** When each queue is next to be looked at, in milliseconds of `performance.now()`. */
  const looks = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;

  function schedule(): void {
    clearTimeout(timer);
    if (isLooking || looks.size === 0) return;
    const next = Math.min(...looks.values()) - performance.now();
    timer = setTimeout(() => void look(), Math.min(longestMs, Math.max(0, next) + slackMs));
  }

  async function look(): Promise<void> {
    const now = performance.now();
    const due = [...looks].filter(([, at]) => at <= now).map(([queue]) => queue);
    for (const queue of due) looks.delete(queue);
    isLooking = true;
    try {
      const [expired, woken] = await Promise.all([
        upkeep.expire(due, limit),
        upkeep.wake(due, limit),
      ]);
      for (const { queue, value } of [...expired, ...woken]) {
        if (value.nextInMs !== null) setLook(queue, value.nextInMs);
      }
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      const retryInMs = Math.min(1_000, timing.unheardMs);
      events.emit("redis:failed", { during: "look at what is due", error, retryInMs });
      for (const queue of due) setLook(queue, retryInMs);
    }
    isLooking = false;
    schedule();
  }

  function setLook(queue: string, inMs: number): void {
    const at = performance.now() + inMs;
    if (at < (looks.get(queue) ?? Infinity)) looks.set(queue, at);
  }

  /** Something of `queue` is to be looked at in `inMs` milliseconds. */
  const watch = (queue: string, inMs: number): void => {
    const before = looks.get(queue) ?? Infinity;
    if (!queues.includes(queue) || performance.now() + inMs >= before) return;
    setLook(queue, inMs);
    schedule();
  };

  const stop = (): void => {
    clearTimeout(timer);
    looks.clear();
  };

  return { watch, stop };
}
