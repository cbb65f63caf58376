/** Outcome → ending, which the ledger stores: the state, and the result message as JSON text. */
import type { Ending } from "../../protocol/ledger/nodes.ts";
import { retryDelayMs } from "../../protocol/wire/failure.ts";
import { jsonProblem, jsonProblemText } from "../../protocol/wire/json.ts";
import type { Envelope, Failure, ResultMessage } from "../../protocol/wire/messages.ts";
import { failureOf } from "./failure-of.ts";
import type { Outcome } from "./runner.ts";

/** Takes the endings of attempts that may still hold their lease. Implemented by `createFinisher` in `finisher.ts`. */
export interface EndingSink {
  /** Has the ending sent. Never throws. */
  add(ending: DescribedEnding): void;
}

/** An ending, and the failure in it for the log. */
export interface DescribedEnding extends Ending {
  readonly state: Exclude<Ending["state"], "refused">;
  readonly error?: Failure;
  /** Of what the handler threw. It goes into the log alone: Redis would keep it ten times for each failed job. */
  readonly stack?: string;
}

/** What an ending depends on besides the outcome. */
export interface EndingOptions {
  readonly durationMs: number;
  /** In bytes of UTF-8 as JSON. */
  readonly maxResultBytes: number;
  /** 0 to 1, spreads retries. @default Math.random */
  readonly random?: () => number;
}

/**
 * Never throws. A result that is too large, that JSON would change, or that it cannot write fails the attempt for good.
 */
export function endingOf(
  envelope: Envelope,
  outcome: Outcome,
  options: EndingOptions,
): DescribedEnding {
  const { id, token, node } = envelope;
  if (outcome.kind === "released") return { id, token, node, state: "released", text: "" };
  if (outcome.kind === "cancelled") {
    const error = { code: "cancelled", message: "cancelled while it ran", retryable: false };
    const text = JSON.stringify({ ...headOf(envelope, "cancelled", options), error });
    return { id, token, node, state: "cancelled", text, error };
  }
  if (outcome.kind === "failed") {
    const { failure, stack } = outcome;
    const ending = failed(envelope, failure, options);
    return stack === undefined ? ending : { ...ending, stack };
  }
  const problem = jsonProblem(outcome.value);
  if (problem !== null) {
    const code = problem.kind === "changed" ? "result_invalid" : "result_not_json";
    const message = jsonProblemText(problem, "result");
    return failed(envelope, { code, message, retryable: false }, options);
  }
  let value: string;
  try {
    value = JSON.stringify(outcome.value);
  } catch (error) {
    // Longer than a string can be, or another value than a moment ago.
    const { message } = failureOf(error);
    return failed(envelope, { code: "result_not_json", message, retryable: false }, options);
  }
  const bytes = Buffer.byteLength(value);
  if (bytes > options.maxResultBytes) {
    const message = `expected a result of at most ${options.maxResultBytes} bytes as JSON, got ${bytes}; store it elsewhere and return where`;
    return failed(envelope, { code: "result_too_large", message, retryable: false }, options);
  }
  const head = JSON.stringify(headOf(envelope, "succeeded", options));
  return { id, token, node, state: "succeeded", text: `${head.slice(0, -1)},"result":${value}}` };
}

function failed(envelope: Envelope, error: Failure, options: EndingOptions): DescribedEnding {
  const { id, token, node } = envelope;
  const delayMs = retryDelayMs(error, envelope, (options.random ?? Math.random)());
  if (delayMs !== null) {
    return { id, token, node, state: "retry", delayMs, text: JSON.stringify(error), error };
  }
  const text = JSON.stringify({ ...headOf(envelope, "failed", options), error });
  return { id, token, node, state: "failed", text, error };
}

function headOf(
  { id, name, queue, node, token, attempt }: Envelope,
  state: ResultMessage["state"],
  { durationMs }: EndingOptions,
): ResultMessage {
  return { v: 1, id, name, queue, node, token, attempt, state, durationMs };
}
