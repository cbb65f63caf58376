/**
 * Text ⇄ messages of the two kinds of channel. Readers return what they found and never throw: a
 * message that cannot be read goes to the dead letters, with the reason given here.
 */
import type { JobBody, TerminalState } from "./job.ts";
import type { Json } from "./json.ts";
import { jobIdPattern, jobNamePattern, nodeNamePattern, queueNamePattern } from "./names.ts";

/** One delivery of a job to a node. */
export interface Envelope extends JobBody {
  readonly v: 1;
  readonly queue: string;
  readonly node: string;
  /** Fences this delivery: a result with another token is refused. */
  readonly token: string;
  /** 1 for the first attempt that is started. */
  readonly attempt: number;
  readonly id: string;
  readonly name: string;
}

/** Why an attempt failed. */
export interface Failure {
  /** Stable; a handler's own, or one of ours: see `docs/protocol.md`. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** How long the handler asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** How an attempt ended, as published on `CHANNEL_RESULT`, kept in the ledger and sent to the callback. */
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
  /** Time that the handler took, in milliseconds. */
  readonly durationMs?: number;
}

/** What a message on `CHANNEL_DISPATCH_<node>` says. */
export type DispatchMessage =
  | { readonly kind: "bare"; readonly id: string }
  | { readonly kind: "jobs"; readonly envelopes: readonly Envelope[] }
  /** What follows on this channel is for the incarnation `epoch` of the node. */
  | { readonly kind: "joined"; readonly queue: string; readonly epoch: string }
  /** Jobs for this node alone wait in its backlog. */
  | { readonly kind: "waiting"; readonly queue: string }
  /** A lease of this node has ended unheard: join again. */
  | { readonly kind: "rejoin"; readonly queue: string }
  | Unreadable;

/** What a message on `CHANNEL_RESULT` says. */
export type ResultsMessage =
  | { readonly kind: "bare"; readonly id: string }
  /** A foreign node sent back what it had received. */
  | { readonly kind: "echo"; readonly envelopes: readonly Envelope[] }
  | { readonly kind: "results"; readonly results: readonly ResultMessage[] }
  | Unreadable;

/** What a message on `CHANNEL_CONTROL` says. */
export type ControlMessage =
  /** Stop the attempt that holds this lease. */
  | { readonly kind: "cancel"; readonly queue: string; readonly member: string }
  /** Look at the queue when this time has passed. */
  | { readonly kind: "due" | "lease"; readonly queue: string; readonly inMs: number }
  | Unreadable;

/** A message that cannot be read, and what was expected of it. */
export interface Unreadable {
  readonly kind: "unreadable";
  readonly reason: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads a message of a dispatch channel. */
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

/** Reads a message of the result channel. */
export function decodeResults(text: string): ResultsMessage {
  const items = decode(text);
  if ("kind" in items) return items;
  if (items.found.every(isResult)) return { kind: "results", results: items.found };
  if (items.found.every(isEnvelope)) return { kind: "echo", envelopes: items.found };
  return unreadable("expected results, or envelopes sent back as they came");
}

/** Reads a message of the control channel. */
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

/** Reads results as the ledger keeps them: one message or an array. @throws never; `null` if unreadable */
export function decodeResultTexts(text: string): readonly ResultMessage[] | null {
  const message = decodeResults(text);
  return message.kind === "results" ? message.results : null;
}

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

/** Whatever is relied on later is checked here: what passes is run, and its options are obeyed. */
function isEnvelope(value: Fields): value is Fields & Envelope {
  return (
    Object.entries(envelopePatterns).every(([name, pattern]) => {
      const text = value[name];
      return typeof text === "string" && pattern.test(text);
    }) &&
    typeof value["attempt"] === "number" &&
    value["state"] === undefined &&
    isAbsentOr(value["attempts"], isNumber) &&
    isAbsentOr(value["timeoutMs"], isNumber) &&
    isAbsentOr(value["backoff"], isBackoff) &&
    isAbsentOr(value["schedule"], isRun)
  );
}

const envelopePatterns = {
  queue: queueNamePattern,
  node: nodeNamePattern,
  token: /^\S{1,64}$/,
  id: jobIdPattern,
  name: jobNamePattern,
} as const;

function isBackoff(value: unknown): boolean {
  if (!isFields(value) || !isAbsentOr(value["jitter"], isNumber)) return false;
  const { kind, delayMs, capMs, delaysMs } = value;
  if (kind === "list") return Array.isArray(delaysMs) && delaysMs.every(isNumber);
  return (
    (kind === "fixed" || kind === "exponential") && isNumber(delayMs) && isAbsentOr(capMs, isNumber)
  );
}

function isRun(value: unknown): boolean {
  return isFields(value) && typeof value["id"] === "string" && Number.isInteger(value["at"]);
}

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

function isAbsentOr(value: unknown, is: (value: unknown) => boolean): boolean {
  return value === undefined || is(value);
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
