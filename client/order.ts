/**
 * What a caller asks for and gets, with the types of its catalogue. Options derive from `protocol/wire/job-options.ts`,
 * answers from `protocol/api/`: only types, so that the client has no schema library in it.
 */
import type * as api from "../protocol/api/jobs.ts";
import type { Plan } from "../protocol/schedule/schedule.ts";
import type { Catalog, InputOf, PayloadOf, ResultOf } from "../protocol/wire/catalog.ts";
import type { JobOptionsInput, RunOptionsInput } from "../protocol/wire/job-options.ts";

/**
 * A time: milliseconds since 1970, RFC 3339 with its zone, or a `Date`.
 * @example const runAt: Time = "2027-01-31T09:00:00+01:00";
 */
export type Time = number | string | Date;

/** Fields that the API takes as milliseconds or text are times; JSON makes text of a `Date`. */
type WithDates<Fields> = {
  readonly [Name in keyof Fields]: number | string extends Fields[Name]
    ? Fields[Name] | Date
    : Fields[Name];
};

/**
 * How and when a job is to run; see docs/jobs.md.
 * @example const options: JobOptions = { queue: "mail", attempts: 5, delayMs: 60_000 };
 */
export type JobOptions = WithDates<JobOptionsInput>;

/** The payload that `N` takes; it may be left out where the schema has a default for it. */
type WithPayload<Input> = undefined extends Input
  ? { readonly payload?: Input }
  : { readonly payload: Input };

/**
 * A job to dispatch.
 * @example const order: Order<typeof catalog, "greet"> = { name: "greet", payload: "Ada", attempts: 5 };
 */
export type Order<C extends Catalog, N extends keyof C & string> = JobOptions & {
  readonly name: N;
} & WithPayload<InputOf<C[N]>>;

/**
 * A job of any name of the catalogue.
 * @example const orders: AnyOrder<typeof catalog>[] = [{ name: "greet", payload: "Ada" }, { name: "double", payload: { n: 2 } }];
 */
export type AnyOrder<C extends Catalog> = {
  [N in keyof C & string]: Order<C, N>;
}[keyof C & string];

/**
 * All of a job; `Payload` and `Result` as its catalogue entry says.
 * @example const { state, result }: JobView<"greet", string, string> = await client.get(id);
 */
export type JobView<
  Name extends string = string,
  Payload = unknown,
  Result = unknown,
> = api.JobView<Name, Payload, Result>;

/**
 * A job of this name as the API shows it.
 * @example const job: JobOf<typeof catalog, "greet"> = await client.wait(receipt);
 */
export type JobOf<C extends Catalog, N extends keyof C & string> = JobView<
  N,
  PayloadOf<C[N]>,
  ResultOf<C[N]>
>;

/**
 * A job of any name: `name` tells the types apart.
 * @example if (job.name === "greet") console.log(job.result);
 */
export type AnyJob<C extends Catalog> = {
  [N in keyof C & string]: JobOf<C, N>;
}[keyof C & string];

/**
 * The answer to a dispatch. `name` is that of the order, so that `wait` knows the types.
 * @example const { id, delivered }: Receipt<"greet"> = await client.dispatch({ name: "greet", payload: "Ada" });
 */
export interface Receipt<Name extends string = string> extends api.Receipt {
  readonly name: Name;
}

/**
 * When a schedule runs: exactly one of `runAt`, `delayMs`, `everyMs` and `cron`.
 * @example const times: ScheduleTimes = { cron: "0 9 * * MON-FRI", timeZone: "Europe/Berlin" };
 */
export interface ScheduleTimes {
  readonly runAt?: Time;
  readonly delayMs?: number;
  /** 1,000 to 31,622,400,000. */
  readonly everyMs?: number;
  /** Whether `everyMs` counts from 1970, not from when the schedule was made. @default false */
  readonly aligned?: boolean;
  /** Five or six fields, or a name such as `@daily`. */
  readonly cron?: string;
  /** IANA name. @default "UTC" */
  readonly timeZone?: string;
  readonly startAt?: Time;
  readonly endAt?: Time;
}

/**
 * A schedule to put, without its id; see docs/schedules.md.
 * @example const order: ScheduleOrder<typeof catalog, "greet"> = { name: "greet", payload: "Ada", cron: "@daily" };
 */
export type ScheduleOrder<C extends Catalog, N extends keyof C & string> = ScheduleTimes &
  RunOptionsInput &
  Partial<Omit<Plan, "rule" | "startMs" | "endMs">> & {
    readonly name: N;
  } & WithPayload<InputOf<C[N]>>;

/**
 * What every call takes.
 * @example await client.cancel(id, { signal: AbortSignal.timeout(5_000) });
 */
export interface CallOptions {
  /** Ends the call; what was asked for may have been done. */
  readonly signal?: AbortSignal;
  /** For the call with all its tries, in milliseconds above 0; `Infinity` for none. */
  readonly timeoutMs?: number;
}

/**
 * What a call about one job or schedule takes.
 * @example await client.get("invoice-17", { queue: "mail" });
 */
export interface InQueue extends CallOptions {
  /** Where it is; looked for in all queues if absent. */
  readonly queue?: string;
}
