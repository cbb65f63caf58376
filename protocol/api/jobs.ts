/** What the API answers, as the client gives it on. A test holds these against the types of the function. */
import type { ScheduledRun } from "../wire/catalog.ts";
import type { Failure } from "../wire/messages.ts";
import type { JobState, TerminalState } from "../wire/job.ts";
import type { Json } from "../wire/json.ts";

/** A job as lists show it. Times are ISO 8601, by Redis's clock. */
export interface JobLine {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly state: JobState;
  /** Where it runs or ran last; before that, the only node that may run it; else null. */
  readonly node: string | null;
  /** Attempts that ended without ending the job. */
  readonly retries: number;
  readonly deliveries: number;
  readonly acceptedAt: string;
  readonly finishedAt?: string;
  readonly expiresAt?: string;
}

/** A line of the failed set. */
export interface FailedLine extends JobLine {
  readonly error?: Failure;
}

/** All of a job; `Payload` and `Result` as its catalogue entry says. */
export interface JobView<
  Name extends string = string,
  Payload = unknown,
  Result = unknown,
> extends JobLine {
  readonly name: Name;
  /** Whether the callback, or the tick, has recorded the result. */
  readonly recorded: boolean;
  readonly payload?: Payload;
  readonly schedule?: RunView;
  /** Set where `state` is `succeeded`. */
  readonly result?: Result;
  /** Set where it ended otherwise. */
  readonly error?: Failure;
  /** Time that the handler took, in milliseconds. */
  readonly durationMs?: number;
  /** Failures of earlier attempts, latest first, at most ten. */
  readonly errors?: readonly EarlierError[];
}

/** A job that has ended. */
export type Ended<View> = View & { readonly state: TerminalState; readonly finishedAt: string };

/** Of which schedule a job is a run. */
export interface RunView extends Omit<ScheduledRun, "scheduledAt"> {
  readonly scheduledAt: string;
}

/** How an attempt failed that did not end the job. */
export interface EarlierError {
  readonly attempt: number;
  readonly node: string;
  readonly at: string;
  readonly error: Failure;
}

/** What a dispatch is answered with; `name` is that of the order, for `wait` to know the types. */
export interface Receipt<Name extends string = string> {
  readonly name: Name;
  readonly id: string;
  readonly state: JobState;
  readonly node: string | null;
  /** False while no node has been sent the job; it is kept. */
  readonly delivered: boolean;
  readonly queue: string;
  /** Whether the job was known already. */
  readonly duplicate: boolean;
  /** Set where another job holds the deduplication key; `id` is that job's. */
  readonly deduplicated?: string;
}

/** What one job of a batch was refused with; the others were taken all the same. */
export interface Refusal {
  readonly id: string;
  readonly error: { readonly code: string; readonly detail: string };
}

/** What came of a cancellation. */
export interface Cancelled {
  readonly id: string;
  readonly queue: string;
  /** `stopping`: its handler has been told. `ended`: too late; `state` says how. */
  readonly outcome: "cancelled" | "stopping" | "ended";
  readonly state: JobState;
}

/** What came of sending a job again. */
export interface Resent {
  readonly id: string;
  readonly queue: string;
  /** False for a job that waits or runs: it was left alone. */
  readonly resent: boolean;
  readonly state?: JobState;
}

/** A node over all queues that it serves. */
export interface NodeView {
  readonly name: string;
  readonly queues: readonly {
    readonly queue: string;
    readonly slots: number;
    readonly busy: number;
  }[];
  readonly slots: number;
  readonly busy: number;
  readonly connected: boolean;
  /** What the subscriber says of itself. */
  readonly info: Json;
}

/** A schedule: these fields, and those of its definition. */
export interface ScheduleView {
  readonly id: string;
  readonly queue: string;
  readonly state: string;
  readonly name: string;
  readonly nextAt: string | null;
  /** How many runs it has made. */
  readonly runs: number;
  readonly [field: string]: Json;
}

/** A schedule that was put: whether it is new. */
export interface PutSchedule extends ScheduleView {
  readonly outcome: "created" | "replaced" | "unchanged";
}
