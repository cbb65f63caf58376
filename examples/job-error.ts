/**
 * An error with the fields that the subscriber reads from an error of a handler: a stable code, and
 * whether another attempt may succeed.
 */
export class JobError extends Error {
  override readonly name = "JobError";
  readonly code: string;
  readonly retryable: boolean;

  constructor(
    message: string,
    options: { readonly code: string; readonly retryable: boolean; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.retryable = options.retryable;
  }
}
