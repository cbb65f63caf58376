/** What the routes of the failed set answer. */
import type { Failure } from "../wire/messages.ts";
import type { JobLine } from "./jobs.ts";

/**
 * A job that failed for good.
 * @example const codes = failedLines.map(({ error }: FailedLine) => error?.code);
 */
export interface FailedLine extends JobLine {
  readonly error?: Failure;
}

/** A page of the failed set, latest failure first; `cursor` is null only at the end. */
export interface FailedPage {
  readonly jobs: readonly FailedLine[];
  readonly cursor: string | null;
}

/**
 * A job that was named but not acted on, and why.
 * @example const gone = skipped.filter(({ reason }: SkippedJob) => reason === "unknown");
 */
export interface SkippedJob {
  readonly id: string;
  readonly reason: "unknown" | "not_failed";
}

/** Which jobs were sent again. */
export interface ManyResent {
  readonly resent: readonly string[];
  readonly skipped: readonly SkippedJob[];
  /** Where to go on; null once the set has been seen to its end. */
  readonly cursor: string | null;
}

/** Which jobs were deleted. */
export interface ManyDeleted {
  readonly deleted: readonly string[];
  readonly skipped: readonly SkippedJob[];
  /** Where to go on; null once the set has been seen to its end. */
  readonly cursor: string | null;
}
