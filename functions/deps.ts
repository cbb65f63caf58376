/** What the routes are given; `index.ts` makes it from the bindings, tests make their own. */
import type { JobLedger } from "../protocol/ledger/jobs.ts";
import type { CountRequest } from "../protocol/ledger/rate-limit.ts";
import type { ScheduleLedger } from "../protocol/ledger/schedules.ts";
import type { Maintenance } from "../protocol/ledger/maintenance.ts";
import type { Config } from "./config.ts";
import type { OnResult } from "./results/deliver.ts";
import type { Subscription } from "./redis/subscribe.ts";

/** Writes one structured line. */
export type Log = (fields: Readonly<Record<string, unknown>>) => void;

export interface AppDeps {
  readonly ledger: JobLedger;
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
  readonly config: Omit<Config, "redis">;
  /** Whether the caller's token is good for `queue`. */
  readonly isAllowedQueue: (queue: string) => boolean;
  readonly countRequest: CountRequest;
  /** Milliseconds since 1970. Used for signatures, expiry of tokens and previews alone: all other times are Redis's. */
  readonly now: () => number;
  readonly newId: () => string;
  /** Asks Redis for a sign of life, and not for long. */
  readonly ping: () => Promise<void>;
  /** Listens to `channel`, or to the result channel if none is given. */
  readonly subscribe: (signal: AbortSignal, channel?: string) => Promise<Subscription>;
  /** Aborts after so many milliseconds. */
  readonly deadline: (ms: number) => AbortSignal;
  readonly log: Log;
  readonly onResult?: OnResult;
}
