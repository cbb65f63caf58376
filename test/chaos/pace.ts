/** Pacing: a chaos run is made of moments in time. Nothing here waits for something to become true. */
import { setTimeout as wait } from "node:timers/promises";

/** Resolves after `ms`, or at once when `signal` aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** Settles as `promise` does, or with `late` after `ms`. */
export async function within<T, L>(promise: Promise<T>, ms: number, late: L): Promise<T | L> {
  const over = new AbortController();
  const timer = pause(ms, over.signal).then(() => late);
  try {
    return await Promise.race([promise, timer]);
  } finally {
    over.abort();
  }
}
