/** Rate limits: how many requests and jobs a caller may make in how much time. */
import { rateKey } from "../redis/keys.ts";
import { countRequest } from "../scripts/count-request.ts";
import { bind, type LedgerOptions } from "./binding.ts";

/** At most `max` in each window: a request counts once, or as often as it makes jobs. */
export interface RateLimit {
  readonly max: number;
  readonly windowMs: number;
}

/** A limit as text, `100/10s`: requests, and the window in seconds, minutes or hours. */
export const ratePattern = /^([1-9]\d{0,6})\/([1-9]\d{0,4})([smh])$/;

/**
 * Counts a request of `caller` that makes `jobs` jobs (1 by default, and for any other request). Resolves to null if it is within `limit`, else to how many milliseconds are left until
 * the next window. Not repeat-safe: a request sent again after a lost answer counts twice, too many rather than too few.
 */
export type CountRequest = (
  caller: string,
  limit: RateLimit,
  jobs?: number,
) => Promise<number | null>;

/**
 * Binds the script `count-request` to a Redis and a naming. Each request costs two commands; the first of a window and
 * one that is refused cost three, and many jobs that are refused four.
 */
export function createRateCounter(options: LedgerOptions): CountRequest {
  const { run } = bind(options);
  return (caller, { max, windowMs }, jobs = 1) => {
    const keys = { counter: rateKey(options.naming, caller) };
    const args = { max, window_ms: windowMs, jobs };
    return run(countRequest.call({ keys, args }), countRequest.parse);
  };
}
