/** Catches the error of a call of the client. */
import { SignalboxApiError } from "../../client/index.ts";

/** Resolves to the error that `promise` rejects with. @throws Error if it resolves, or rejects with another */
export async function caught(promise: Promise<unknown>): Promise<SignalboxApiError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SignalboxApiError) return error;
  throw new Error(`expected a SignalboxApiError, got ${String(error)}`);
}
