/** Errors: one class, told apart by a stable code. The HTTP status of each is in `functions/http/problem.ts`. */
export const errorCodes = [
  "body_not_json",
  "body_too_large",
  "body_too_deep",
  "body_consumed",
  "invalid_request",
  "payload_too_large",
  "unauthorized",
  "forbidden",
  "rate_limited",
  "signature_invalid",
  "not_found",
  "method_not_allowed",
  "id_conflict",
  "key_held",
  "state_conflict",
  "schedule_invalid",
  "schedule_declared",
  "schedules_full",
  "config_invalid",
  "redis_unavailable",
  "redis_refused",
  "reply_unexpected",
  "internal",
] as const;

/**
 * The code of an error; codes stay the same when messages change.
 * @example const isTransient = (code: ErrorCode) => code === "redis_unavailable" || code === "rate_limited";
 */
export type ErrorCode = (typeof errorCodes)[number];

/**
 * The only error class that Signalbox throws. Tell cases apart by `code`, never by message.
 * @example
 * try {
 *   await importSigningKeys(secret);
 * } catch (error) {
 *   if (error instanceof SignalboxError && error.code === "config_invalid") console.error(error.message);
 *   else throw error;
 * }
 */
export class SignalboxError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SignalboxError";
    this.code = code;
  }
}

/** Marks a branch that the types exclude. @throws SignalboxError `internal`, should a value get there anyway */
export function unreachable(value: never): never {
  throw new SignalboxError("internal", `expected no further case, got ${String(value)}`);
}
