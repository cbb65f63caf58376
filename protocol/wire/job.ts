/** A job's content, its states, and the JSON body under which the ledger keeps it. */
import type { Dedupe, JobOptionsOutput, StoredOptions } from "./job-options.ts";
import { type Json, sameJson } from "./json.ts";

export type { Backoff, Dedupe } from "./job-options.ts";

/**
 * The states in which a job has ended. Only `resend` takes a job out of one.
 * @example const hasEnded = terminalStates.some((state) => state === job.state);
 */
export const terminalStates = ["succeeded", "failed", "cancelled", "expired"] as const;

/**
 * A state in which a job has ended.
 * @example const isGood: Readonly<Record<TerminalState, boolean>> =
 *   { succeeded: true, failed: false, cancelled: false, expired: false };
 */
export type TerminalState = (typeof terminalStates)[number];

/**
 * Every state a job can be in.
 * @example const counts = new Map(jobStates.map((state) => [state, 0]));
 */
export const jobStates = ["delayed", "queued", "running", ...terminalStates] as const;

/**
 * A state a job can be in: `delayed` until its start time, `queued` until a node has a free slot, `running` on a node,
 * then one of the terminal states.
 * @example const isWaiting = (state: JobState) => state === "delayed" || state === "queued";
 */
export type JobState = (typeof jobStates)[number];

/** Options of a request that a job has under another name, or always. */
type Translated = "id" | "queue" | "delayMs" | "runAt" | "ttlMs" | "expiresAt" | "dedupe";

/** What a caller asks to have done. Names match the patterns in `names.ts`; options are those of `job-options.ts`. */
export interface JobSpec extends Omit<JobOptionsOutput, Translated> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** Absent and `null` are different: a job without payload can be sent as a bare id. */
  readonly payload?: Json;
  /** When it may start. @default immediately */
  readonly start?: StartTime;
  /** By when it must have been started, else it ends as `expired`. @default never */
  readonly deadline?: StartTime;
  readonly dedupe?: Dedupe;
}

/** Which schedule a job is a run of, as its body says it. */
export interface RunOf {
  /** The schedule's id. */
  readonly id: string;
  /** The time it was scheduled for, in milliseconds since 1970. */
  readonly at: number;
  /** Made later than the schedule's grace allows. */
  readonly late?: true;
  /** Made up for together with a newer run. */
  readonly backfilled?: true;
  /** Requested by hand. */
  readonly manual?: true;
}

/** A time by Redis's clock: milliseconds after the job was accepted, or milliseconds since 1970. */
export type StartTime = { readonly inMs: number } | { readonly atMs: number };

/**
 * Each option that a body holds, and whether a value on the wire can be obeyed as it. Which options there are is said in
 * `job-options.ts`; the compiler refuses this table while it lacks one. `attempts` comes first because `recover` looks for
 * it there.
 */
const optionChecks: Readonly<Record<keyof StoredOptions, (value: unknown) => boolean>> = {
  attempts: isNumber,
  backoff: isBackoff,
  timeoutMs: isNumber,
};
const optionNames = Object.keys(optionChecks) as readonly (keyof StoredOptions)[];
const contentNames = [...optionNames, "payload"] as const;

/** What a job is, as its signature and a repetition of its dispatch go by: how it is run, and with what. */
export interface JobContent extends StoredOptions {
  readonly payload?: Json;
}

/** What a body holds. */
export interface JobBody extends JobContent {
  readonly schedule?: RunOf;
  /** See `signing/job.ts`, which reads it. */
  readonly signature?: unknown;
  /** Digest of what the job was dispatched with, if another job has replaced its content since. */
  readonly original?: unknown;
}

/**
 * The part of a job that scripts copy without reading: JSON text of an object, without its opening
 * `{"id":…,"name":…`. Starts with a comma or is just `}`.
 */
export function encodeBody(spec: JobSpec): string {
  return encodeOptions(spec) + encodePayload(spec.payload);
}

/** The first part of a body: how the job is to be run. */
export function encodeOptions(options: StoredOptions): string {
  let text = "";
  for (const name of optionNames) {
    const value = options[name];
    if (value !== undefined) text += `,"${name}":${JSON.stringify(value)}`;
  }
  return text;
}

/** The last part of a body: what the job is run with. */
export function encodePayload(payload: Json | undefined): string {
  return payload === undefined ? "}" : `,"payload":${JSON.stringify(payload)}}`;
}

/** Reads a stored body. The text comes from `encodeBody`, so it is trusted to be of its shape. */
export function decodeBody(body: string): JobBody {
  return JSON.parse(body.startsWith(",") ? `{${body.slice(1)}` : `{${body}`) as JobBody;
}

/** The content of a body, without its schedule and its signature. */
export function contentOf(body: JobContent): JobContent {
  const found = contentNames.flatMap((name) =>
    body[name] === undefined ? [] : [[name, body[name]]],
  );
  return Object.fromEntries(found) as JobContent;
}

/** Whether two bodies have the same content, whatever the order of their keys. */
export function hasSameContent(a: JobContent, b: JobContent): boolean {
  return contentNames.every((name) => sameJson(a[name], b[name]));
}

/** Whether each stored option of `value`, an object from the wire, is absent or can be obeyed. */
export function hasSoundOptions(value: Readonly<Record<string, unknown>>): boolean {
  return optionNames.every((name) => value[name] === undefined || optionChecks[name](value[name]));
}

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

function isBackoff(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { kind, delayMs, capMs, delaysMs, jitter } = value as Readonly<Record<string, unknown>>;
  if (jitter !== undefined && !isNumber(jitter)) return false;
  switch (kind) {
    case "list":
      return Array.isArray(delaysMs) && delaysMs.every(isNumber);
    case "fixed":
    case "exponential":
      return isNumber(delayMs) && (capMs === undefined || isNumber(capMs));
    default:
      return false;
  }
}
