/** A job's content, its states, and the JSON body under which the ledger keeps it. */
import type { Json } from "./json.ts";

/** States that never change again. */
export const terminalStates = ["succeeded", "failed", "cancelled", "expired"] as const;
export type TerminalState = (typeof terminalStates)[number];

/** Every state a job can be in. */
export const jobStates = ["delayed", "queued", "running", ...terminalStates] as const;
export type JobState = (typeof jobStates)[number];

/** What a caller asks to have done. Names match the patterns in `names.ts`. */
export interface JobSpec {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** The only node that may run it; any node of the queue if absent. */
  readonly node?: string;
  /** Absent and `null` are different: a job without payload can be sent as a bare id. */
  readonly payload?: Json;
  /** How many started attempts are allowed, 1 to 100. @default 3 */
  readonly attempts?: number;
  /** How long to wait between attempts. @default exponential from 1 s, at most 1 h */
  readonly backoff?: Backoff;
  /** How long one attempt may take, in milliseconds. @default the handler's catalogue entry */
  readonly timeoutMs?: number;
  /** When it may start. @default at once */
  readonly start?: StartTime;
  /** By when it must have been started, else it ends as `expired`. @default never */
  readonly deadline?: StartTime;
  readonly dedupe?: Dedupe;
}

/** Of which schedule a job is a run. */
export interface RunOf {
  /** The schedule's id. */
  readonly id: string;
  /** The time it was scheduled for, in milliseconds since 1970. */
  readonly at: number;
  /** Made later than the schedule's grace allows. */
  readonly late?: true;
  /** Made when a newer time was due as well. */
  readonly backfilled?: true;
  /** Asked for by hand. */
  readonly manual?: true;
}

/** A time by Redis's clock: from acceptance on, or milliseconds since 1970. */
export type StartTime = { readonly inMs: number } | { readonly atMs: number };

/**
 * How long to wait before attempt n + 1: always `delayMs`; `delayMs` doubled each time up to `capMs`; or the
 * list's nth entry (the last one from then on). Up to `jitter` (0 to 1) of it is taken off at random.
 */
export type Backoff =
  | { readonly kind: "fixed"; readonly delayMs: number; readonly jitter?: number }
  | {
      readonly kind: "exponential";
      readonly delayMs: number;
      /** @default 3_600_000 */
      readonly capMs?: number;
      readonly jitter?: number;
    }
  | { readonly kind: "list"; readonly delaysMs: readonly number[]; readonly jitter?: number };

/** See `scripts/lua/dedupe.ts`. */
export interface Dedupe {
  readonly key: string;
  /** How long the key is held, in milliseconds. */
  readonly windowMs: number;
  readonly mode: "reject" | "return" | "replace" | "debounce";
}

/**
 * The part of a job that scripts copy without reading: JSON text of an object, without its opening
 * `{"id":…,"name":…`. Starts with a comma or is `}` alone. `attempts` comes first because
 * `expire` looks for it there.
 */
export function encodeBody(spec: JobSpec): string {
  return encodeOptions(spec) + encodePayload(spec.payload);
}

/** The first part of a body: how the job is to be run. */
export function encodeOptions(spec: Pick<JobSpec, "attempts" | "backoff" | "timeoutMs">): string {
  return (
    (spec.attempts === undefined ? "" : `,"attempts":${spec.attempts}`) +
    (spec.backoff === undefined ? "" : `,"backoff":${JSON.stringify(spec.backoff)}`) +
    (spec.timeoutMs === undefined ? "" : `,"timeoutMs":${spec.timeoutMs}`)
  );
}

/** The last part of a body. */
export function encodePayload(payload: Json | undefined): string {
  return payload === undefined ? "}" : `,"payload":${JSON.stringify(payload)}}`;
}

/** What `encodeBody` wrote. */
export interface JobBody extends Pick<JobSpec, "payload" | "attempts" | "backoff" | "timeoutMs"> {
  readonly schedule?: RunOf;
  /** See `job-signature.ts`, which reads it. */
  readonly signature?: unknown;
}

/** Reads a stored body. The text comes from `encodeBody`, so it is trusted to be of its shape. */
export function decodeBody(body: string): JobBody {
  return JSON.parse(body.startsWith(",") ? `{${body.slice(1)}` : `{${body}`) as JobBody;
}

/** What a body says of how the job is run and with what; not of whose run it is, nor who signed it. */
export function contentOf(
  body: JobBody,
): Pick<JobSpec, "payload" | "attempts" | "backoff" | "timeoutMs"> {
  const { attempts, backoff, timeoutMs, payload } = body;
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(payload === undefined ? {} : { payload }),
  };
}
