/**
 * The catalogue: one entry for each kind of job. The payload and result types of handlers and of dispatch calls derive
 * from it, so that each is written once.
 */
import type { Json } from "./json.ts";

/**
 * The part of Standard Schema v1 (https://standardschema.dev) that the catalogue relies on; Zod, Valibot and ArkType
 * implement it.
 * @example
 * const text: Schema<string> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "mine",
 *     validate: (value) =>
 *       typeof value === "string" ? { value } : { issues: [{ message: "expected text" }] },
 *   },
 * };
 */
export interface Schema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a schema says about a value. */
type Validated<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: unknown }[] };

/**
 * One kind of job.
 * @example { payload: z.object({ text: z.string() }), result: z.object({ words: z.int() }), timeoutMs: 5_000 }
 */
export interface JobDefinition<Payload, Result> {
  /** What a dispatch must carry. Checked before the handler runs; a mismatch is not retried. */
  readonly payload: Schema<Payload>;
  /** What the handler returns. Checked after it ran; a mismatch is not retried. */
  readonly result: Schema<Result>;
  /** How long one attempt may take, in milliseconds, 1 to 86,400,000. @default 60_000 */
  readonly timeoutMs?: number;
}

/**
 * Job name → definition. Names match `[A-Za-z0-9_.:-]{1,64}`.
 * @example
 * function namesOf(catalog: Catalog): readonly string[] {
 *   return Object.keys(catalog);
 * }
 */
export type Catalog = Readonly<Record<string, JobDefinition<unknown, unknown>>>;

/**
 * Returns the catalogue as it was written; the compiler checks that it is one and keeps its types.
 * @example
 * export const catalog = defineCatalog({
 *   "text.count": { payload: z.object({ text: z.string() }), result: z.object({ words: z.int() }) },
 * });
 */
export function defineCatalog<const C extends Catalog>(catalog: C): C {
  return catalog;
}

/**
 * What a dispatch of `definition` carries: the payload before the schema's defaults and conversions.
 * @example type Input = InputOf<(typeof catalog)["text.count"]>; // { text: string }
 */
export type InputOf<D> = D extends {
  payload: { readonly "~standard": { readonly types?: { readonly input: infer I } | undefined } };
}
  ? I
  : never;

/**
 * What a handler of `definition` receives.
 * @example type Payload = PayloadOf<(typeof catalog)["text.count"]>; // { text: string }
 */
export type PayloadOf<D> = D extends { payload: Schema<infer P> } ? P : never;

/**
 * What a handler of `definition` returns.
 * @example type Result = ResultOf<(typeof catalog)["text.count"]>; // { words: number }
 */
export type ResultOf<D> = D extends { result: Schema<infer R> } ? R : never;

/**
 * Writes one log line: fields and a message in either order, or one of them; an error is a field, with its stack. Never
 * throws. A value that JSON cannot carry is shown as text.
 * @example
 * log.info("imported", { rows: 12 });
 * log.info({ rows: 12 }, "imported");
 * log.warn(error, "retrying");
 */
export interface LogCall {
  (message: string, fields?: object): void;
  (fields: object, message?: string): void;
}

/**
 * Writes structured log lines that carry the job's id, name and node, and shows them to watchers of the job: at most
 * 20 lines and 4 KiB a second of each attempt; further lines are only counted. Watchers see an error as a warning, and
 * nothing of `debug`.
 * @example context.log.info({ rows: 12 }, "imported");
 */
export interface JobLog {
  readonly debug: LogCall;
  readonly info: LogCall;
  readonly warn: LogCall;
  readonly error: LogCall;
}

/**
 * Which schedule a job is a run of, and when the run was due.
 * @example const day = new Date(run.scheduledAt).toISOString().slice(0, 10);
 */
export interface ScheduledRun {
  /** The schedule's id. */
  readonly id: string;
  /** The time it was scheduled for, in milliseconds since 1970; the same in every attempt. */
  readonly scheduledAt: number;
  /** Made later than the schedule's grace allows, such as after an outage. */
  readonly late: boolean;
  /** Made up for together with a newer run. */
  readonly backfilled: boolean;
  /** Requested by hand. */
  readonly manual: boolean;
}

/**
 * What a handler is told about the attempt it runs.
 * @example
 * "report.send": async ({ url }, { signal, progress }) => {
 *   const response = await fetch(url, { signal });
 *   progress(0.5);
 *   return { length: (await response.text()).length };
 * },
 */
export interface RunContext {
  /** The job's id. */
  readonly id: string;
  /** The job's name. */
  readonly name: string;
  readonly queue: string;
  readonly node: string;
  /** 1 for the first attempt that was started. */
  readonly attempt: number;
  /** Set if the job is a run of a schedule. */
  readonly schedule?: ScheduledRun;
  /** Aborts when the time-out passes, the lease is lost, or the subscriber must stop immediately. */
  readonly signal: AbortSignal;
  readonly log: JobLog;
  /**
   * Shows watchers of the job how far it is: 0 to 1, or JSON of up to 1,024 bytes. May be called at any rate: the latest
   * value is published, at most once a second.
   */
  readonly progress: (value: Json) => void;
}

/**
 * One function for each entry of the catalogue.
 * @example
 * export const handlers: Handlers<typeof catalog> = {
 *   "text.count": ({ text }) => ({ words: text.split(/\s+/).length }),
 * };
 */
export type Handlers<C> = {
  readonly [N in keyof C]: (
    payload: PayloadOf<C[N]>,
    context: RunContext,
  ) => Promise<ResultOf<C[N]>> | ResultOf<C[N]>;
};
