/**
 * Pacing, the one exception from `until` besides itself: faults, handlers and callers of a chaos run last for planned
 * times. Nothing here may wait for a condition.
 */
import { setTimeout as wait } from "node:timers/promises";

/** Resolves after `ms`, or as soon as `signal` aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** Settles like `promise`, or resolves to `late` after `ms`. */
export async function within<T, L>(promise: Promise<T>, ms: number, late: L): Promise<T | L> {
  const over = new AbortController();
  const timer = pause(ms, over.signal).then(() => late);
  try {
    return await Promise.race([promise, timer]);
  } finally {
    over.abort();
  }
}
