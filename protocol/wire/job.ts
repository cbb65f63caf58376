/** A job's content, its states, and the JSON body under which the ledger keeps it. */
import type { Json } from "./json.ts";

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

/** A job as a client dispatches it. Names match the patterns in `names.ts`. */
export interface JobSpec {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** The only node that may run it; any node of the queue if absent. */
  readonly node?: string;
  /** Absent and `null` are different: a job without payload can be sent as a bare id. */
  readonly payload?: Json;
  /**
   * How many started attempts are allowed, 1 to 100. Named as in the HTTP API and in envelopes; the attempts that a
   * stored job has used are `Stored.attemptsUsed`. @default 3
   */
  readonly attempts?: number;
  /** How long to wait between attempts. @default exponential from 1 s, at most 1 h */
  readonly backoff?: Backoff;
  /** How long one attempt may take, in milliseconds. @default the handler's catalogue entry */
  readonly timeoutMs?: number;
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
 * How long to wait before attempt n + 1: always `delayMs`; `delayMs` doubled each time up to `capMs`; or the nth entry
 * of the list (the last entry from there on). Up to the share `jitter` (0 to 1) is subtracted at random.
 * @example const backoff: Backoff = { kind: "exponential", delayMs: 1_000, capMs: 60_000, jitter: 0.2 };
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

/** What to do if another job holds the deduplication key `key`; see `scripts/lua/dedupe.ts`. */
export interface Dedupe {
  readonly key: string;
  /** How long the key is held, in milliseconds. */
  readonly windowMs: number;
  readonly mode: "reject" | "return" | "replace" | "debounce";
}

/**
 * The part of a job that scripts copy without reading: JSON text of an object, without its opening `{"id":…,"name":…`.
 * It starts with a comma or is `}` alone. `attempts` comes first because scripts look for it there.
 * @example encodeBody({ id: "a", name: "echo", queue: "q", attempts: 5 }) // ',"attempts":5}'
 */
export function encodeBody(spec: JobSpec): string {
  return encodeOptions(spec) + encodePayload(spec.payload);
}

/** The first part of a body: how the job is run. */
export function encodeOptions(spec: Pick<JobSpec, "attempts" | "backoff" | "timeoutMs">): string {
  return (
    (spec.attempts === undefined ? "" : `,"attempts":${spec.attempts}`) +
    (spec.backoff === undefined ? "" : `,"backoff":${JSON.stringify(spec.backoff)}`) +
    (spec.timeoutMs === undefined ? "" : `,"timeoutMs":${spec.timeoutMs}`)
  );
}

/** The last part of a body: what the job is run with. */
export function encodePayload(payload: Json | undefined): string {
  return payload === undefined ? "}" : `,"payload":${JSON.stringify(payload)}}`;
}

/** A body as `encodeBody` wrote it; runs of schedules and signed jobs have fields of their own. */
export interface JobBody extends Pick<JobSpec, "payload" | "attempts" | "backoff" | "timeoutMs"> {
  readonly schedule?: RunOf;
  /** A `JobSignature` if the job is signed; `signing/job.ts` checks it. */
  readonly signature?: unknown;
}

/**
 * Reads a stored body. The text comes from `encodeBody`, so its shape is trusted.
 * @throws SyntaxError if it is not JSON
 */
export function decodeBody(body: string): JobBody {
  return JSON.parse(body.startsWith(",") ? `{${body.slice(1)}` : `{${body}`) as JobBody;
}

/** What a body says about how and with what the job is run, without its schedule and signature. Once per job: no loop. */
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
