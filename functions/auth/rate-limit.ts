/** How many requests and jobs a token may make, where it has a rate. */
import { SignalboxError } from "../../protocol/error.ts";
import type { CountRequest } from "../../protocol/ledger/rate-limit.ts";
import type { Token } from "./tokens.ts";

/** Why a request is not let in. */
export interface RateRefusal {
  readonly refusal: SignalboxError;
  /** After how many seconds the next request is accepted, at least 1; null if this one never will be. */
  readonly seconds: number | null;
}

/**
 * Counts a request of this token, or the `jobs` that it makes. Resolves to null while that is within the token's rate, or
 * it has none; else to the refusal. A request with more jobs than the rate allows in a whole window is `invalid_request`:
 * to repeat it is no use.
 */
export async function countAgainstRate(
  countRequest: CountRequest,
  { name, rateLimit }: Token,
  jobs = 1,
): Promise<RateRefusal | null> {
  if (rateLimit === null) return null;
  if (jobs > rateLimit.max) {
    const message = `expected at most ${rateLimit.max} jobs in a request, the rate of this token, got ${jobs}`;
    return { refusal: new SignalboxError("invalid_request", message), seconds: null };
  }
  const waitMs = await countRequest(name, rateLimit, jobs);
  if (waitMs === null) return null;
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  const what = jobs === 1 ? "requests" : "jobs";
  const refusal = new SignalboxError(
    "rate_limited",
    `expected fewer ${what} with this token; the next is taken in ${seconds} s`,
  );
  return { refusal, seconds };
}
