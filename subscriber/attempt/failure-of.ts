/** What a handler throws → a failure. Never throws, although a getter, a proxy or a `toString` of the thrown value may. */
import type { Failure } from "../../protocol/wire/messages.ts";

/** How many characters of an error's message are kept. */
export const maxMessage = 2_000;

/** Errors that mean the code or the data is at fault, so that another attempt would end the same way. */
const bugs = [TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * Describes what was thrown. Takes over `code`, `retryable` and `retryAfterMs` (milliseconds) where the error has them in
 * sound form. If it says nothing of `retryable`, a bug is not retried and everything else is.
 */
export function failureOf(thrown: unknown): Failure {
  try {
    return read(thrown);
  } catch {
    const message = "something was thrown that cannot be read";
    return { code: "handler_error", message, retryable: true };
  }
}

function read(thrown: unknown): Failure {
  if (!(thrown instanceof Error)) {
    return { code: "handler_error", message: String(thrown).slice(0, maxMessage), retryable: true };
  }
  const { code, retryable, retryAfterMs } = thrown as Partial<Record<keyof Failure, unknown>>;
  // `fetch` reports a network failure as a TypeError with a cause.
  const isBug = bugs.some((kind) => thrown instanceof kind) && !("cause" in thrown);
  const failure: Failure = {
    code: typeof code === "string" && /^\w{1,64}$/.test(code) ? code : "handler_error",
    message: `${thrown.name}: ${thrown.message}`.slice(0, maxMessage),
    retryable: typeof retryable === "boolean" ? retryable : !isBug,
  };
  const isDelay = typeof retryAfterMs === "number" && retryAfterMs >= 0;
  return isDelay ? { ...failure, retryAfterMs } : failure;
}
