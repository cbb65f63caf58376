/** How many requests a token may make, where it has a rate. */
import { SignalboxError } from "../../protocol/error.ts";
import type { CountRequest } from "../../protocol/ledger/rate-limit.ts";
import type { Token } from "./tokens.ts";

/**
 * Counts a request of this token. Resolves to null while it is within the token's rate, or has none; else to the refusal
 * and the number of seconds, at least 1, after which the next request is accepted.
 */
export async function countAgainstRate(
  countRequest: CountRequest,
  { name, rateLimit }: Token,
): Promise<{ readonly refusal: SignalboxError; readonly seconds: number } | null> {
  const waitMs = rateLimit === null ? null : await countRequest(name, rateLimit);
  if (waitMs === null) return null;
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  const refusal = new SignalboxError(
    "rate_limited",
    `expected fewer requests with this token; the next is taken in ${seconds} s`,
  );
  return { refusal, seconds };
}
