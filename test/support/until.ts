/** Waits for a condition that no event announces. The only poll in the tests. */
import { setTimeout as pause } from "node:timers/promises";

export interface UntilOptions {
  /** How long to wait, in milliseconds. @default 10_000 */
  readonly within?: number;
  /** What is missing when the time is over; part of the error. */
  readonly or: string | (() => string);
}

const POLL_MS = 5;

/** Resolves as soon as `condition` holds. @throws Error with `or`, and the last error of `condition` as its cause */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { within = 10_000, or }: UntilOptions,
): Promise<void> {
  const deadline = performance.now() + within;
  let cause: unknown;
  do {
    try {
      if (await condition()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await pause(POLL_MS);
  } while (performance.now() < deadline);
  const missing = typeof or === "string" ? or : or();
  throw new Error(`waited ${within} ms in vain: ${missing}`, { cause });
}
