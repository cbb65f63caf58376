/**
 * How many results one callback is sent: as many as it manages in a few seconds. A slow `onResult` hook would else be sent
 * the same too large batch again and again. Pure.
 */

/** The time that a callback should take at most, in milliseconds. */
const targetMs = 3_000;
/** More than a batch holds anyway: while callbacks are quick, only the bounds in bytes and entries count. */
export const maxResults = 10_000;

/** See `createBatchLimit`. */
export interface BatchLimit {
  /** 1 or more. An entry of the outbox is never cut, so one that holds more goes alone. */
  readonly results: () => number;
  /** A callback recorded `count` results in `ms`. */
  readonly succeeded: (count: number, ms: number) => void;
  /** A callback with `count` results failed, or did not answer in time. */
  readonly failed: (count: number) => void;
}

/** Starts at the maximum: shrinks to what the callback manages in the target, halves where it fails, doubles where it is quick. */
export function createBatchLimit(): BatchLimit {
  let limit = maxResults;
  return {
    results: () => limit,
    succeeded(count, ms) {
      if (ms > targetMs) limit = Math.max(1, Math.floor((count * targetMs) / ms));
      else if (ms < targetMs / 2) limit = Math.min(maxResults, limit * 2);
    },
    failed(count) {
      limit = Math.max(1, Math.floor(Math.min(limit, count) / 2));
    },
  };
}
