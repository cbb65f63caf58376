/**
 * The catalogue: one entry per kind of job. Payload and result types of handlers and of dispatch
 * calls derive from it, so that neither is written twice.
 */
import type { Json } from "./json.ts";

/** The part of Standard Schema v1 (https://standardschema.dev) that the catalogue relies on. */
export interface Schema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type Validated<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: unknown }[] };

/** One kind of job. */
export interface JobDefinition<Payload, Result> {
  /** What a dispatch must carry. Checked before the handler runs; a mismatch is not retried. */
  readonly payload: Schema<Payload>;
  /** What the handler gives back. Checked after it ran; a mismatch is not retried. */
  readonly result: Schema<Result>;
  /** How long one attempt may take, in milliseconds, 1 to 86,400,000. @default 60_000 */
  readonly timeoutMs?: number;
}

/** Job name → definition. Names match `[A-Za-z0-9_.:-]{1,64}`. */
export type Catalog = Readonly<Record<string, JobDefinition<unknown, unknown>>>;

/** The catalogue as it was written, checked to be one. */
export function defineCatalog<const C extends Catalog>(catalog: C): C {
  return catalog;
}

/** What a dispatch of `definition` carries: the payload before the schema's defaults and conversions. */
export type InputOf<D> = D extends {
  payload: { readonly "~standard": { readonly types?: { readonly input: infer I } | undefined } };
}
  ? I
  : never;
/** What a handler of `definition` receives. */
export type PayloadOf<D> = D extends { payload: Schema<infer P> } ? P : never;
/** What a handler of `definition` returns. */
export type ResultOf<D> = D extends { result: Schema<infer R> } ? R : never;

/**
 * Writes structured log lines that carry the job's id, name and node, and shows them to those who watch the
 * job: at most 20 lines and 4 KiB a second of each attempt, those beyond only counted.
 */
export interface JobLog {
  info(fields: Readonly<Record<string, Json>>, message: string): void;
  warn(fields: Readonly<Record<string, Json>>, message: string): void;
}

/** Of which schedule a job is a run, and when it should have been made. */
export interface ScheduledRun {
  readonly id: string;
  /** The time it was scheduled for, in milliseconds since 1970; the same in every attempt. */
  readonly scheduledAt: number;
  /** Made later than the schedule's grace allows: after an outage. */
  readonly late: boolean;
  /** Made together with a newer one: made up for. */
  readonly backfilled: boolean;
  /** Asked for by hand. */
  readonly manual: boolean;
}

/** What a handler is told about the attempt it runs. */
export interface RunContext {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly node: string;
  /** 1 for the first attempt that was started. */
  readonly attempt: number;
  /** Set where the job is a run of a schedule. */
  readonly schedule?: ScheduledRun;
  /** Aborts when the time-out passes, the lease is lost, or the subscriber is told to stop now. */
  readonly signal: AbortSignal;
  readonly log: JobLog;
  /**
   * Shows those who watch the job how far it is: 0 to 1, or JSON of up to 1,024 bytes. May be called at any rate:
   * the latest value is published, at most once a second.
   */
  readonly progress: (value: Json) => void;
}

/** One function per entry of the catalogue. */
export type Handlers<C> = {
  readonly [N in keyof C]: (
    payload: PayloadOf<C[N]>,
    context: RunContext,
  ) => Promise<ResultOf<C[N]>> | ResultOf<C[N]>;
};
