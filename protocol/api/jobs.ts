/**
 * What the routes of jobs answer. This folder holds each type that HTTP answers once: the function's views make them, its
 * schemas (and so the OpenAPI document) are held to them, and the client hands them on. Only types, nothing to run.
 * Times are ISO 8601 in UTC, by Redis's clock.
 */
import type { ScheduledRun } from "../wire/catalog.ts";
import type { JobState, TerminalState } from "../wire/job.ts";
import type { Json } from "../wire/json.ts";
import type { Failure } from "../wire/messages.ts";
import type { ReportLine } from "../wire/report.ts";

/**
 * A job as lists show it.
 * @example for await (const { id, state, retries } of client.list()) console.log(id, state, retries); // each a JobLine
 */
export interface JobLine {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly state: JobState;
  /** Where it runs or ran last; before that, the only node that may run it; else null. */
  readonly node: string | null;
  /** Attempts that ended without ending the job: how often it was tried again, or will be. */
  readonly retries: number;
  /** How often a node was sent it. */
  readonly deliveries: number;
  readonly acceptedAt: string;
  readonly finishedAt?: string;
  /** By when it must have been started. */
  readonly expiresAt?: string;
}

/** A page of jobs, newest first; `cursor` is null only at the end. */
export interface JobPage {
  readonly jobs: readonly JobLine[];
  readonly cursor: string | null;
}

/** All of a job; `Payload` and `Result` as its catalogue entry says. */
export interface JobView<
  Name extends string = string,
  Payload = Json,
  Result = Json,
> extends JobLine {
  readonly name: Name;
  /** Whether the callback, or the tick, has recorded the result. */
  readonly recorded: boolean;
  readonly payload?: Payload;
  /** Set where the job is a run of a schedule. */
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

/**
 * A job that has ended.
 * @example const { state, finishedAt }: Ended<JobView> = await client.wait(receipt);
 */
export type Ended<View> = View & { readonly state: TerminalState; readonly finishedAt: string };

/**
 * Of which schedule a job is a run.
 * @example if (job.schedule?.late === true) console.warn(`late: ${job.schedule.scheduledAt}`); // a RunView
 */
export interface RunView extends Omit<ScheduledRun, "scheduledAt"> {
  readonly scheduledAt: string;
}

/**
 * How an attempt failed that did not end the job.
 * @example const nodes = job.errors?.map(({ attempt, node }: EarlierError) => `${attempt} on ${node}`);
 */
export interface EarlierError {
  readonly attempt: number;
  readonly node: string;
  readonly at: string;
  readonly error: Failure;
}

/** The answer to one dispatched job. */
export interface Receipt {
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

/**
 * Why one job of a batch was refused; the others were accepted all the same.
 * @example const refused = answers.filter((answer): answer is Refusal => "error" in answer);
 */
export interface Refusal {
  readonly id: string;
  readonly error: { readonly code: "id_conflict" | "key_held"; readonly detail: string };
}

/** The answer to a batch: one entry for each job, in their order. */
export interface Receipts {
  readonly jobs: readonly (Receipt | Refusal)[];
}

/**
 * What came of a cancellation.
 * @example const { outcome, state }: Cancelled = await client.cancel("invoice-17");
 */
export interface Cancelled {
  readonly id: string;
  readonly queue: string;
  /** `stopping`: its handler has been told. `ended`: too late; `state` says how. */
  readonly outcome: "cancelled" | "stopping" | "ended";
  readonly state: "running" | TerminalState;
}

/**
 * What came of sending a job again.
 * @example const { resent }: Resent = await client.resend("invoice-17");
 */
export interface Resent {
  readonly id: string;
  readonly queue: string;
  /** False for a job that waits or runs: it was left alone. */
  readonly resent: boolean;
  /** Set where it was left alone. */
  readonly state?: JobState;
}

/** From which attempt an event comes. */
export interface ReportedBy {
  readonly attempt: number;
  readonly node: string;
  readonly at: string;
}

/** One server-sent event of a job, by its name; `result` is the last. */
export type JobEvent<View = JobView> =
  | { readonly event: "state"; readonly data: JobLine }
  | { readonly event: "progress"; readonly data: ReportedBy & { readonly progress: Json } }
  /** A line, or how many lines were left out: a handler may write more than is kept. */
  | {
      readonly event: "log";
      readonly data: ReportedBy & (ReportLine | { readonly dropped: number });
    }
  | { readonly event: "result"; readonly data: Ended<View> };
