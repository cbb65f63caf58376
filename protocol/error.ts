/** What can go wrong, by stable code. The HTTP status of each is in `functions/http/problem.ts`. */
export const errorCodes = [
  "body_not_json",
  "body_too_large",
  "body_too_deep",
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
export type ErrorCode = (typeof errorCodes)[number];

/** The one error class; tell cases apart by `code`, never by message. */
export class SignalboxError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SignalboxError";
    this.code = code;
  }
}

/** Marks a branch that the types rule out. */
export function unreachable(value: never): never {
  throw new SignalboxError("internal", `expected no further case, got ${String(value)}`);
}
