/** What a caller asks for, with the types of its catalogue. */
import type { Catalog, InputOf, PayloadOf, ResultOf } from "../protocol/wire/catalog.ts";
import type { Backoff } from "../protocol/wire/job.ts";
import type { JobView } from "../protocol/api/jobs.ts";

/** A time: milliseconds since 1970, RFC 3339 with its zone, or a `Date`. */
export type Time = number | string | Date;

/** How and when a job is to run. See docs/jobs.md. */
export interface JobOptions {
  readonly id?: string;
  readonly queue?: string;
  /** The only node that may run it. */
  readonly node?: string;
  /** 1 to 100. @default 3 */
  readonly attempts?: number;
  readonly backoff?: Backoff;
  /** For one attempt, in milliseconds. @default the handler's own, else 60_000 */
  readonly timeoutMs?: number;
  readonly delayMs?: number;
  readonly runAt?: Time;
  /** By when it must have been started, from now on, in milliseconds. */
  readonly ttlMs?: number;
  readonly expiresAt?: Time;
  readonly dedupe?: {
    /** @default name and payload */
    readonly key?: string;
    readonly windowMs: number;
    /** @default "return" */
    readonly mode?: "reject" | "return" | "replace" | "debounce";
  };
}

/** The payload that `N` takes; it may be left out where the schema has a default for it. */
type WithPayload<Input> = undefined extends Input
  ? { readonly payload?: Input }
  : { readonly payload: Input };

/** A job to dispatch. */
export type Order<C extends Catalog, N extends keyof C & string> = JobOptions & {
  readonly name: N;
} & WithPayload<InputOf<C[N]>>;

/** A job of any name of the catalogue. */
export type AnyOrder<C extends Catalog> = {
  [N in keyof C & string]: Order<C, N>;
}[keyof C & string];

/** A job of this name as the API shows it. */
export type JobOf<C extends Catalog, N extends keyof C & string> = JobView<
  N,
  PayloadOf<C[N]>,
  ResultOf<C[N]>
>;

/** A job of any name: `name` tells the types apart. */
export type AnyJob<C extends Catalog> = {
  [N in keyof C & string]: JobOf<C, N>;
}[keyof C & string];

/** When a schedule runs: exactly one of `runAt`, `delayMs`, `everyMs` and `cron`. */
export interface ScheduleTimes {
  readonly runAt?: Time;
  readonly delayMs?: number;
  readonly everyMs?: number;
  readonly aligned?: boolean;
  readonly cron?: string;
  /** IANA name. @default "UTC" */
  readonly timeZone?: string;
  readonly startAt?: Time;
  readonly endAt?: Time;
}

/** A schedule to put, without its id. See docs/schedules.md. */
export type ScheduleOrder<C extends Catalog, N extends keyof C & string> = ScheduleTimes &
  Pick<JobOptions, "queue" | "node" | "attempts" | "backoff" | "timeoutMs" | "ttlMs"> & {
    readonly name: N;
    readonly count?: number;
    readonly jitterMs?: number;
    readonly missed?: "skip" | "latest" | "all";
    readonly maxMissed?: number;
    readonly graceMs?: number;
    readonly overlap?: "allow" | "skip" | "queue" | "cancel";
    readonly keepHistory?: number;
  } & WithPayload<InputOf<C[N]>>;

/** What every call takes. */
export interface CallOptions {
  /** Ends the call; what was asked for may have been done. */
  readonly signal?: AbortSignal;
  /** For the call with all its tries, in milliseconds. */
  readonly timeoutMs?: number;
}

/** What a call about one job or schedule takes. */
export interface InQueue extends CallOptions {
  /** Where it is; looked for in all queues if absent. */
  readonly queue?: string;
}
