/**
 * The codec of all channels: the types of messages, and one decoder for each channel. Decoders never throw: a message
 * that cannot be read comes back as `unreadable`, and its caller puts it into the dead letters with the reason. Scripts
 * write the messages of the ledger themselves; subscribers write results with `JSON.stringify`.
 */
import { hasSoundOptions, type JobBody, type TerminalState } from "./job.ts";
import type { Json } from "./json.ts";
import { jobIdPattern, jobNamePattern, nodeNamePattern, queueNamePattern } from "./names.ts";

/**
 * One delivery of a job to a node: the place and token of the delivery, then the job's own fields.
 * @example
 * const envelope: Envelope = {
 *   v: 1, queue: "default", node: "1", token: "1795491821696-0.1", attempt: 1,
 *   id: "a", name: "text.count", attempts: 5, payload: { text: "three small words" },
 * };
 */
export interface Envelope extends JobBody {
  readonly v: 1;
  readonly queue: string;
  readonly node: string;
  /** Fencing token of this delivery: an outcome with another token is refused. */
  readonly token: string;
  /** 1 for the first attempt that is started. */
  readonly attempt: number;
  readonly id: string;
  readonly name: string;
}

/**
 * Why an attempt failed.
 * @example const failure: Failure = { code: "timeout", message: "took more than 60000 ms", retryable: true };
 */
export interface Failure {
  /** Stable: a handler's own code, or one of `failureCodes` (see `docs/protocol.md`). */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** How long the handler asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs?: number;
}

/**
 * How a job ended, as published on `CHANNEL_RESULT`, kept in the ledger and sent to the callback.
 * @example
 * function report(message: ResultMessage): string {
 *   return message.state === "succeeded" ? JSON.stringify(message.result) : (message.error?.code ?? message.state);
 * }
 */
export interface ResultMessage {
  readonly v: 1;
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly node: string;
  readonly token: string;
  readonly attempt: number;
  readonly state: TerminalState;
  /** Set where `state` is `succeeded`. */
  readonly result?: Json;
  /** Set otherwise. */
  readonly error?: Failure;
  /** How long the handler took, in milliseconds. */
  readonly durationMs?: number;
}

/** What a message on `CHANNEL_DISPATCH_<node>` says. */
export type DispatchMessage =
  | { readonly kind: "bare"; readonly id: string }
  | { readonly kind: "jobs"; readonly envelopes: readonly Envelope[] }
  /** Messages after this one are for the incarnation `epoch` of the node. */
  | { readonly kind: "joined"; readonly queue: string; readonly epoch: string }
  /** Jobs that only this node may run wait in its backlog. */
  | { readonly kind: "waiting"; readonly queue: string }
  /** A lease of this node has ended unacknowledged: the node must join again. */
  | { readonly kind: "rejoin"; readonly queue: string }
  | Unreadable;

/** What a message on `CHANNEL_RESULT` says. */
export type ResultChannelMessage =
  | { readonly kind: "bare"; readonly id: string }
  /** A foreign node sent back what it had received. */
  | { readonly kind: "echo"; readonly envelopes: readonly Envelope[] }
  | { readonly kind: "results"; readonly results: readonly ResultMessage[] }
  | Unreadable;

/** What a message on `CHANNEL_CONTROL` says. */
export type ControlMessage =
  /** Stop the attempt that holds this lease. */
  | { readonly kind: "cancel"; readonly queue: string; readonly member: string }
  /** Check the queue when this time has passed: for due items, or for leases that have ended. */
  | { readonly kind: "due" | "lease"; readonly queue: string; readonly inMs: number }
  | Unreadable;

/** A message that cannot be read, and what was expected of it. */
export interface Unreadable {
  readonly kind: "unreadable";
  readonly reason: string;
}

/** A JSON object of which nothing is known yet. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a message of a dispatch channel.
 * @example decodeDispatch("42") // { kind: "bare", id: "42" }
 * @example decodeDispatch('{"v":1,"queue":"q","waiting":true}') // { kind: "waiting", queue: "q" }
 */
export function decodeDispatch(text: string): DispatchMessage {
  const items = decode(text);
  if ("kind" in items) return items;
  const [only] = items.found;
  if (items.found.length === 1 && only !== undefined && typeof only["queue"] === "string") {
    const queue = only["queue"];
    const epoch = only["joined"];
    if (typeof epoch === "string" && /^\d{1,16}$/.test(epoch))
      return { kind: "joined", queue, epoch };
    if (only["waiting"] === true) return { kind: "waiting", queue };
    if (only["rejoin"] === true) return { kind: "rejoin", queue };
  }
  if (items.found.every(isEnvelope)) return { kind: "jobs", envelopes: items.found };
  return unreadable("expected envelopes with queue, node, token, attempt, id and name");
}

/**
 * Reads a message of the result channel.
 * @example
 * const message = decodeResults(text);
 * if (message.kind === "results") for (const { id, state } of message.results) console.log(id, state);
 */
export function decodeResults(text: string): ResultChannelMessage {
  const items = decode(text);
  if ("kind" in items) return items;
  if (items.found.every(isResult)) return { kind: "results", results: items.found };
  if (items.found.every(isEnvelope)) return { kind: "echo", envelopes: items.found };
  return unreadable("expected results, or envelopes sent back as they came");
}

/**
 * Reads a message of the control channel.
 * @example decodeControl('{"v":1,"queue":"q","dueInMs":250}') // { kind: "due", queue: "q", inMs: 250 }
 */
export function decodeControl(text: string): ControlMessage {
  const items = decode(text);
  if ("kind" in items) return items.kind === "bare" ? unreadable("expected JSON") : items;
  const [only] = items.found;
  if (only !== undefined && typeof only["queue"] === "string") {
    const queue = only["queue"];
    if (typeof only["cancel"] === "string")
      return { kind: "cancel", queue, member: only["cancel"] };
    if (typeof only["dueInMs"] === "number") return { kind: "due", queue, inMs: only["dueInMs"] };
    if (typeof only["leaseInMs"] === "number")
      return { kind: "lease", queue, inMs: only["leaseInMs"] };
  }
  return unreadable("expected a queue and dueInMs or leaseInMs");
}

/**
 * Reads results as the ledger keeps them, in a job's result record or an outbox entry: one message or an array. Answers
 * `null` if the text is anything else.
 * @example const [result] = decodeResultTexts(stored.ended.text) ?? [];
 */
export function decodeResultTexts(text: string): readonly ResultMessage[] | null {
  const message = decodeResults(text);
  return message.kind === "results" ? message.results : null;
}

/** What all channels have in common: a bare id, or one or more objects of version 1. */
function decode(
  text: string,
): { readonly found: readonly Fields[] } | { kind: "bare"; id: string } | Unreadable {
  if (jobIdPattern.test(text)) return { kind: "bare", id: text };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unreadable("expected a bare id or JSON");
  }
  const found: unknown[] = Array.isArray(value) ? value : [value];
  if (found.length === 0 || !found.every(isFields)) {
    return unreadable("expected an object or an array of objects");
  }
  if (found.every((item) => item["v"] === 1)) return { found };
  return unreadable("expected version 1");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Checks everything that is relied on later: an envelope that passes is run, and its options are obeyed. */
function isEnvelope(value: Fields): value is Fields & Envelope {
  return (
    Object.entries(envelopePatterns).every(([name, pattern]) => {
      const text = value[name];
      return typeof text === "string" && pattern.test(text);
    }) &&
    typeof value["attempt"] === "number" &&
    value["state"] === undefined &&
    hasSoundOptions(value) &&
    (value["schedule"] === undefined || isRun(value["schedule"]))
  );
}

const envelopePatterns = {
  queue: queueNamePattern,
  node: nodeNamePattern,
  token: /^\S{1,64}$/,
  id: jobIdPattern,
  name: jobNamePattern,
} as const;

function isRun(value: unknown): boolean {
  return isFields(value) && typeof value["id"] === "string" && Number.isInteger(value["at"]);
}

function isResult(value: Fields): value is Fields & ResultMessage {
  return hasText(value, ["queue", "node", "token", "id", "name", "state"]);
}

function hasText(value: Fields, names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === "string");
}

function unreadable(reason: string): Unreadable {
  return { kind: "unreadable", reason };
}
