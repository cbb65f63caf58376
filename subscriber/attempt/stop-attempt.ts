/** The ways in which a running attempt is told to stop from outside its handler. */
import type { SubscriberEvents } from "../events.ts";
import { type Attempt, nameOf } from "./attempts.ts";
import type { AbortCause } from "./runner.ts";

/** Aborts the handler's signal and ends the attempt, unless it has ended. The first cause counts. */
export function stopAttempt(attempt: Attempt, cause: AbortCause): void {
  if (attempt.hasEnded) return;
  attempt.cause ??= cause;
  attempt.abort(cause);
}

/** Stops an attempt whose lease is gone: another attempt may hold the job by now. */
export function loseAttempt(attempt: Attempt, events: Pick<SubscriberEvents, "emit">): void {
  events.emit("attempt:lost", nameOf(attempt.envelope));
  stopAttempt(attempt, "lease_lost");
}
