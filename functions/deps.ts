/** What the routes are given; `index.ts` makes it from the bindings, tests make their own. */
import type { Ledger } from "../protocol/ledger.ts";
import type { CountRequest } from "../protocol/rate.ts";
import type { Schedules } from "../protocol/schedule-ledger.ts";
import type { Upkeep } from "../protocol/upkeep.ts";
import type { Config } from "./config.ts";
import type { OnResult } from "./record.ts";
import type { Subscription } from "./subscription.ts";

/** Writes one structured line. */
export type Log = (fields: Readonly<Record<string, unknown>>) => void;

export interface AppDeps {
  readonly ledger: Ledger;
  readonly upkeep: Upkeep;
  readonly schedules: Schedules;
  readonly config: Omit<Config, "redis">;
  /** Whether the caller's token is good for `queue`. */
  readonly mayUse: (queue: string) => boolean;
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
