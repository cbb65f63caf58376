/** How many requests a caller may make in how long. */
import { bind, type LedgerOptions } from "./binding.ts";
import { rateKey } from "../redis/keys.ts";
import { countRequest } from "../scripts/count-request.ts";

/** So many requests in each window. */
export interface RateLimit {
  readonly max: number;
  readonly windowMs: number;
}

/** A limit as text, `100/10s`: requests, and the window in seconds, minutes or hours. */
export const ratePattern = /^([1-9]\d{0,6})\/([1-9]\d{0,4})([smh])$/;

/**
 * Counts a request of `caller`; resolves to null where it is within `limit`, else to how many milliseconds are left
 * until the next window. Sent twice where an answer was lost, it counts twice: too many rather than too few.
 */
export type CountRequest = (caller: string, limit: RateLimit) => Promise<number | null>;

/** Binds the script to a Redis and a naming. Two commands a request, three for the first of a window and for one refused. */
export function createRateCounter(options: LedgerOptions): CountRequest {
  const { run } = bind(options);
  return (caller, { max, windowMs }) => {
    const keys = { counter: rateKey(options.naming, caller) };
    return run(countRequest.call({ keys, args: { max, window_ms: windowMs } }), countRequest.parse);
  };
}
