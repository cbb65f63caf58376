/** Which failures are worth another attempt, and after how long. Pure. */
import type { Failure } from "./messages.ts";
import type { Backoff } from "./job.ts";

/**
 * Our own codes and whether they retry. A handler's own codes retry unless its error says
 * `retryable: false`; a `TypeError`, `RangeError`, `ReferenceError` or `SyntaxError` is a bug and does not.
 */
export const failureCodes = {
  /** The handler threw an error without a code. */
  handler_error: true,
  /** The handler took longer than the job's time-out. */
  timeout: true,
  /** The lease ended without a result: the node died or was cut off. */
  attempt_lost: true,
  /** The node that got the job has no such handler; another version of it may. */
  no_handler: true,
  /** No node gave a sign of life in ten deliveries. */
  undeliverable: false,
  /** The job is not signed, or not as it is: this node takes signed ones only. */
  signature_refused: false,
  payload_invalid: false,
  result_invalid: false,
  result_too_large: false,
  result_not_json: false,
  cancelled: false,
  expired: false,
} as const satisfies Readonly<Record<string, boolean>>;

/** @default for jobs that set none */
export const defaultAttempts = 3;
export const defaultBackoff: Backoff = { kind: "exponential", delayMs: 1_000, jitter: 0.2 };

/** Longest wait between attempts, in milliseconds, whatever was asked for: 7 days. */
const longestMs = 604_800_000;

/**
 * How long to wait after `attempt` (from 1) failed, in milliseconds; `null` if the job is to end. What the
 * handler asked for (`retryAfterMs`) goes before the job's back-off.
 * @param random 0 ≤ random < 1
 */
export function retryDelayMs(
  failure: Pick<Failure, "retryable" | "retryAfterMs">,
  job: { readonly attempt: number; readonly attempts?: number; readonly backoff?: Backoff },
  random: number,
): number | null {
  if (!failure.retryable || job.attempt >= (job.attempts ?? defaultAttempts)) return null;
  if (failure.retryAfterMs !== undefined) return Math.min(longestMs, failure.retryAfterMs);
  const backoff = job.backoff ?? defaultBackoff;
  const full = Math.min(longestMs, fullDelayMs(backoff, job.attempt));
  return Math.round(full * (1 - random * (backoff.jitter ?? 0)));
}

function fullDelayMs(backoff: Backoff, attempt: number): number {
  switch (backoff.kind) {
    case "fixed":
      return backoff.delayMs;
    case "exponential":
      return Math.min(backoff.capMs ?? 3_600_000, backoff.delayMs * 2 ** (attempt - 1));
    case "list":
      return backoff.delaysMs[Math.min(attempt, backoff.delaysMs.length) - 1] ?? 0;
  }
}
