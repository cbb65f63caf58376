/**
 * What the routes are given: `signalbox.ts` makes it from the bindings, tests make their own. Routes know Redis, the clock
 * and the log only through it.
 */
import type { Context, Handler } from "hono";
import type { Timing } from "../protocol/ledger/binding.ts";
import type { JobLedger } from "../protocol/ledger/jobs.ts";
import type { Maintenance, Retention } from "../protocol/ledger/maintenance.ts";
import type { CountRequest } from "../protocol/ledger/rate-limit.ts";
import type { ScheduleLedger } from "../protocol/ledger/schedules.ts";
import type { Naming } from "../protocol/redis/keys.ts";
import type { SigningKeys } from "../protocol/signing/keys.ts";
import type { ResultMessage } from "../protocol/wire/messages.ts";
import type { Token } from "./auth/tokens.ts";
import type { Subscription } from "./redis/subscribe.ts";

/** Writes one structured line. */
export type Log = (fields: Readonly<Record<string, unknown>>) => void;

/**
 * Called for each result before it counts as recorded: the place to write it into a database of your own. May be called
 * more than once for one result, and for ten results concurrently; where it throws, that result comes again.
 */
export type OnResult = (result: ResultMessage) => Promise<void>;

/** The configuration, as `config.ts` reads it from the bindings. Durations in milliseconds, sizes in bytes. */
export interface Config {
  readonly redis: { readonly url: string; readonly token: string };
  /** What callers may show as `Authorization: Bearer`; at least one. */
  readonly tokens: readonly Token[];
  /** Pages of which origins may call the API from a browser. */
  readonly corsOrigins: readonly string[];
  /** What subscribers sign the callback with. */
  readonly signingKeys: SigningKeys;
  /** What jobs are signed with, if they are. */
  readonly envelopeKeys: SigningKeys | undefined;
  readonly naming: Naming;
  readonly maxPayloadBytes: number;
  /** How deeply a payload may be nested. */
  readonly maxDepth: number;
  readonly retention: Retention;
  readonly timing: Timing;
  /** How many schedules a queue may have. */
  readonly maxSchedules: number;
}

/** The dependencies of the app. Nothing in it belongs to one request, except where the queue guard narrows it to a token. */
export interface AppDeps {
  /** Jobs, nodes and queues. */
  readonly ledger: JobLedger;
  /** The outbox, for the callback. */
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
  /** The configuration, without the address of Redis: only the adapters know it. */
  readonly config: Omit<Config, "redis">;
  /** Whether the caller's token covers `queue`. */
  readonly isAllowedQueue: (queue: string) => boolean;
  /** Counts a request or its jobs against a token's rate; not repeat-safe: a repetition counts twice. */
  readonly countRequest: CountRequest;
  /** Milliseconds since 1970. Only for signatures, expiry of tokens and previews: all other times are Redis's. */
  readonly now: () => number;
  /** A fresh id for a job, a schedule or a run; valid as each of them. */
  readonly newId: () => string;
  /**
   * Resolves once Redis has answered; gives up sooner than other calls.
   * @throws SignalboxError `redis_unavailable`, `redis_refused`
   */
  readonly ping: () => Promise<void>;
  /**
   * Listens to `channel`, or to the result channel by default, until it is closed or `signal` aborts.
   * @throws SignalboxError `redis_unavailable`, `redis_refused`
   */
  readonly subscribe: (signal: AbortSignal, channel?: string) => Promise<Subscription>;
  /** A signal that aborts after `ms` milliseconds. */
  readonly deadline: (ms: number) => AbortSignal;
  readonly log: Log;
  readonly onResult?: OnResult;
}

/**
 * Counts so many jobs against the rate of the caller's token; for operations with `countsJobs`, once for each request.
 * `atMost`: more than the rate allows at any time count as so many, where the caller cannot ask for fewer.
 * @throws SignalboxError `rate_limited`, or `invalid_request` for more than the rate allows at any time
 */
export type CountJobs = (c: Context, jobs: number, how?: "all" | "atMost") => Promise<void>;

/** What the app adds to its dependencies for the routes. */
export interface RouteDeps extends AppDeps {
  readonly countJobs: CountJobs;
}

/** Makes the handler of one operation. */
export type Route = (deps: RouteDeps) => Handler;

/** The routes of a resource: one for each operation of its contract. */
export type RoutesOf<Operations> = Readonly<Record<keyof Operations, Route>>;
