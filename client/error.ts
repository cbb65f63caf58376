/** What a call of the client can throw. */
import type { ErrorCode } from "../protocol/error.ts";

/** What goes wrong on this side of the API, by stable code. */
export type ClientErrorCode =
  /** No answer came, or not all of it. */
  | "network_failed"
  /** The time given to the call is over. */
  | "timed_out"
  /** Something other than this API answered. */
  | "answer_unexpected"
  /** The job that `run` waited for ended otherwise than in success; `job` tells how. */
  | "job_failed"
  | "job_cancelled"
  | "job_expired";

/** What an error knows besides its code. */
export interface ErrorDetails extends ErrorOptions {
  readonly status?: number;
  readonly retryAfter?: number;
  readonly fields?: readonly FieldProblem[];
  readonly job?: unknown;
}

/** What was wrong with one place of a request; `path` as in `jobs.0.name`, "" for the whole. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** The one error class of the client; tell cases apart by `code`, never by message. */
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
