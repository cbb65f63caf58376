/** A job's content, its states, and the JSON body under which the ledger keeps it. */
import type { Json } from "./json.ts";

/** States that never change again. */
export const terminalStates = ["succeeded", "failed", "cancelled", "expired"] as const;
export type TerminalState = (typeof terminalStates)[number];

/** Every state a job can be in. */
export const jobStates = ["queued", "running", ...terminalStates] as const;
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
  /** How long one attempt may take, in milliseconds. @default the handler's catalogue entry */
  readonly timeoutMs?: number;
}

/**
 * The part of a job that scripts copy without reading: JSON text of an object, without its opening
 * `{"id":…,"name":…`. Starts with a comma or is `}` alone. `attempts` comes first because
 * `expire` looks for it there.
 */
export function encodeBody(spec: JobSpec): string {
  const options =
    (spec.attempts === undefined ? "" : `,"attempts":${spec.attempts}`) +
    (spec.timeoutMs === undefined ? "" : `,"timeoutMs":${spec.timeoutMs}`);
  const payload = spec.payload === undefined ? "" : `,"payload":${JSON.stringify(spec.payload)}`;
  return `${options}${payload}}`;
}

/** What `encodeBody` wrote. */
export type JobBody = Pick<JobSpec, "payload" | "attempts" | "timeoutMs">;

/** Reads a stored body. The text comes from `encodeBody`, so it is trusted to be of its shape. */
export function decodeBody(body: string): JobBody {
  return JSON.parse(body.startsWith(",") ? `{${body.slice(1)}` : `{${body}`) as JobBody;
}
