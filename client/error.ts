/** What a call of the client can throw. */
import type { FieldProblem } from "../protocol/api/problem.ts";
import type { ErrorCode } from "../protocol/error.ts";

export type { FieldProblem } from "../protocol/api/problem.ts";

/**
 * What goes wrong on this side of the API, by stable code.
 * @example const isOffline = error.code === ("network_failed" satisfies ClientErrorCode);
 */
export type ClientErrorCode =
  /**
   * No answer came, or not all of it. What the call was given is not at fault: that is `invalid_request`, with status 0 where
   * it was found before anything was sent.
   */
  | "network_failed"
  /** The time-out of the call has passed. */
  | "timed_out"
  /** Something other than this API answered. */
  | "answer_unexpected"
  /** The job that `run` waited for did not succeed; `job` tells how it ended. */
  | "job_failed"
  | "job_cancelled"
  | "job_expired";

/**
 * What an error knows besides its code.
 * @example throw new SignalboxApiError("timed_out", "expected an answer", { status: 504 } satisfies ErrorDetails);
 */
export interface ErrorDetails extends ErrorOptions {
  readonly status?: number;
  readonly retryAfter?: number;
  readonly fields?: readonly FieldProblem[];
  readonly job?: unknown;
}

/**
 * The one error class of the client; tell cases apart by `code`, never by message.
 * @example
 * try {
 *   await client.run({ name: "greet", payload: "Ada" });
 * } catch (error) {
 *   if (!(error instanceof SignalboxApiError) || error.code !== "job_failed") throw error;
 * }
 */
export class SignalboxApiError extends Error {
  /** A later version of the API may have codes that this client does not know. */
  readonly code: ErrorCode | ClientErrorCode;
  /** The HTTP status; 0 where no answer came, or the answer is not what is wrong. */
  readonly status: number;
  /** One sentence: what was expected. Never holds the token. */
  readonly detail: string;
  /** After how many seconds to try again, where the API says so. */
  readonly retryAfter: number | undefined;
  /** Each thing that was wrong with the request. */
  readonly fields: readonly FieldProblem[];
  /** The job as it ended, where its end is the error. */
  readonly job: unknown;

  constructor(code: ErrorCode | ClientErrorCode, detail: string, details: ErrorDetails = {}) {
    super(`${code}: ${detail}`, details);
    this.name = "SignalboxApiError";
    this.code = code;
    this.detail = detail;
    this.status = details.status ?? 0;
    this.retryAfter = details.retryAfter;
    this.fields = details.fields ?? [];
    this.job = details.job;
  }
}
