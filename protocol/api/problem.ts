/** What every route answers when it does not succeed: RFC 9457 problem details, with a stable `code` added. */
import type { ErrorCode } from "../error.ts";

/**
 * What was wrong with one place of a request; `path` as in `jobs.0.name`, "" for the whole.
 * @example const lines = error.errors.map(({ path, message }: FieldProblem) => `${path}: ${message}`);
 */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** The body of every answer that is not a success. */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  /** Programs tell cases apart by it. */
  readonly code: ErrorCode;
  /** One sentence for people: what was expected. */
  readonly detail: string;
  /** Set where the request did not have the form expected; at most 20. */
  readonly errors?: readonly FieldProblem[];
}
