/** Rate limits: how many requests a caller may make in how much time. */
import { rateKey } from "../redis/keys.ts";
import { countRequest } from "../scripts/count-request.ts";
import { bind, type LedgerOptions } from "./binding.ts";

/** At most `max` requests in each window. */
export interface RateLimit {
  readonly max: number;
  readonly windowMs: number;
}

/** A limit as text, `100/10s`: requests, and the window in seconds, minutes or hours. */
export const ratePattern = /^([1-9]\d{0,6})\/([1-9]\d{0,4})([smh])$/;

/**
 * Counts a request of `caller`. Resolves to null if it is within `limit`, else to how many milliseconds are left until
 * the next window. Not repeat-safe: a request sent again after a lost answer counts twice, too many rather than too few.
 */
export type CountRequest = (caller: string, limit: RateLimit) => Promise<number | null>;

/**
 * Binds the script `count-request` to a Redis and a naming. Each request costs two commands; the first of a window and
 * one that is refused cost three.
 */
export function createRateCounter(options: LedgerOptions): CountRequest {
  const { run } = bind(options);
  return (caller, { max, windowMs }) => {
    const keys = { counter: rateKey(options.naming, caller) };
    return run(countRequest.call({ keys, args: { max, window_ms: windowMs } }), countRequest.parse);
  };
}
