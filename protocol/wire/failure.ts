/** Decides which failures are worth another attempt, and after how long. Pure. */
import type { Backoff } from "./job.ts";
import type { Failure } from "./messages.ts";

/**
 * The codes of Signalbox itself and whether they retry. A handler's own codes retry unless its error says
 * `retryable: false`; a `TypeError`, `RangeError`, `ReferenceError` or `SyntaxError` is a bug and is not retried.
 */
export const failureCodes = {
  /** The handler threw something without a code. */
  handler_error: true,
  /** The handler took longer than the job's time-out. */
  timeout: true,
  /** A handler held the event loop of its process when the attempt's time-out passed. */
  event_loop_blocked: true,
  /** The lease ended without an outcome: the node died or was cut off. */
  attempt_lost: true,
  /** The node that received the job has no such handler; another version of it may have one. */
  no_handler: true,
  /** No node acknowledged the job in ten deliveries. */
  undeliverable: false,
  /** The node runs signed jobs only, and the job is not signed or differs from what was signed. */
  signature_refused: false,
  payload_invalid: false,
  /** The result does not match the catalogue, or JSON would change it, such as `NaN` or a `Map`. */
  result_invalid: false,
  result_too_large: false,
  /** JSON cannot write the result at all: a BigInt, a cycle, a `toJSON` that throws. */
  result_not_json: false,
  cancelled: false,
  expired: false,
} as const satisfies Readonly<Record<string, boolean>>;

/** How many attempts a job is allowed that does not say. */
export const defaultAttempts = 3;
/** The back-off of a job that does not say. */
export const defaultBackoff: Backoff = { kind: "exponential", delayMs: 1_000, jitter: 0.2 };

/** The longest wait between attempts, in milliseconds, whatever was requested: 7 days. */
export const longestRetryMs = 604_800_000;

/**
 * How long to wait after an attempt failed, in milliseconds; `null` if the job ends. What the handler asked for
 * (`retryAfterMs`) takes precedence over the job's back-off.
 * @param job the attempt that failed, from 1, and the options of the job: `attempts` is how many are allowed
 * @param random 0 ≤ random < 1
 */
export function retryDelayMs(
  failure: Pick<Failure, "retryable" | "retryAfterMs">,
  job: { readonly attempt: number; readonly attempts?: number; readonly backoff?: Backoff },
  random: number,
): number | null {
  if (!failure.retryable || job.attempt >= (job.attempts ?? defaultAttempts)) return null;
  if (failure.retryAfterMs !== undefined) return bounded(failure.retryAfterMs);
  const backoff = job.backoff ?? defaultBackoff;
  const full = bounded(fullDelayMs(backoff, job.attempt));
  return bounded(Math.round(full * (1 - random * (backoff.jitter ?? 0))));
}

/** A job that another program wrote may have any number; the ledger takes none below 0, and no NaN. */
function bounded(ms: number): number {
  return ms > 0 ? Math.min(longestRetryMs, ms) : 0;
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
