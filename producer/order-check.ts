/**
 * Checks the values of a job that a producer dispatches: what would be stored as another value, or never run. Names and
 * sizes are not checked; see docs/client.md.
 */
import { SignalboxError } from "../protocol/error.ts";
import type { JobSpec } from "../protocol/wire/job.ts";
import { jsonProblem, jsonProblemText } from "../protocol/wire/json.ts";
import { isWholeFrom, longestTimeoutMs, showValue, wholeText } from "../protocol/wire/whole.ts";

/** What is checked of an order. */
type Checked = Pick<
  JobSpec,
  "payload" | "attempts" | "timeoutMs" | "backoff" | "start" | "deadline" | "dedupe"
>;

/** @throws SignalboxError `invalid_request` that names the value, and what is expected */
export function requireSoundOrder(order: Checked): void {
  const problem = jsonProblem(order);
  if (problem !== null) throw new SignalboxError("invalid_request", jsonProblemText(problem));
  const { attempts, timeoutMs, start, deadline, dedupe } = order;
  if (attempts !== undefined) requireWhole("attempts", attempts, 1, 100);
  if (timeoutMs !== undefined) requireWhole("timeoutMs", timeoutMs, 1, longestTimeoutMs);
  if (start !== undefined) requireTimes("start", start);
  if (deadline !== undefined) requireTimes("deadline", deadline);
  if (dedupe !== undefined) requireWhole("dedupe.windowMs", dedupe.windowMs, 1);
}

function requireTimes(what: string, times: object): void {
  for (const [name, value] of Object.entries(times)) requireWhole(`${what}.${name}`, value, 0);
}

function requireWhole(
  what: string,
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): void {
  if (isWholeFrom(min, value, max)) return;
  const message = `${what}: expected ${wholeText(min, max)}, got ${showValue(value)}`;
  throw new SignalboxError("invalid_request", message);
}
