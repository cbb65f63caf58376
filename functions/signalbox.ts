/**
 * Signalbox as a part of a Worker: routes to mount in a Hono app, or an entry of its own. The only reader of bindings: it
 * turns them into configuration and dependencies, once for each `env`.
 */
import type { Hono } from "hono";
import type { LedgerOptions } from "../protocol/ledger/binding.ts";
import { createJobLedger } from "../protocol/ledger/jobs.ts";
import { createMaintenance } from "../protocol/ledger/maintenance.ts";
import { createRateCounter } from "../protocol/ledger/rate-limit.ts";
import { createScheduleLedger } from "../protocol/ledger/schedules.ts";
import { resultChannel } from "../protocol/redis/keys.ts";
import { deprecatedSettings } from "../protocol/settings/aliases.ts";
import { inTheClearWarning, isInTheClear } from "../protocol/settings/in-the-clear.ts";
import { createJobSigner } from "../protocol/signing/job.ts";
import type { ResultMessage } from "../protocol/wire/messages.ts";
import { newJobId } from "../protocol/wire/names.ts";
import { createApp, ownPaths } from "./app.ts";
import { type Env, readConfig } from "./config.ts";
import type { AppDeps, Config, OnResult } from "./deps.ts";
import { problemResponse } from "./http/problem.ts";
import { log } from "./log.ts";
import { mountable } from "./mount.ts";
import { coalesceCalls } from "./redis/coalesce.ts";
import { retryOnce } from "./redis/retry-once.ts";
import { subscribe } from "./redis/subscribe.ts";
import { createUpstash } from "./redis/upstash.ts";
import type { DeclaredSchedule } from "./schedules/declare.ts";
import { tick } from "./tick.ts";

/**
 * What may be added to Signalbox.
 * @example
 * const options: SignalboxOptions = {
 *   async onResult({ id, state }, env) {
 *     await (env["DB"] as D1Database).prepare("INSERT OR REPLACE INTO results VALUES (?, ?)").bind(id, state).run();
 *   },
 * };
 */
export interface SignalboxOptions {
  /**
   * Called for each result before it counts as recorded: the place to write it into a database of your own, which the
   * bindings may hold. Up to ten calls are under way concurrently, and they end in any order. Where it throws, or takes
   * more than 12 s, that result is set aside and comes again; it may be called more than once for one result.
   */
  readonly onResult?: (result: ResultMessage, env: Env) => Promise<void>;
  /** Schedules that belong to the code; see `declare`. */
  readonly schedules?: readonly DeclaredSchedule[];
}

/**
 * The parts to put into a Worker; see `createSignalbox`. Errors are answered and logged: neither part of a request throws.
 * @example
 * const { fetch, scheduled }: Signalbox = createSignalbox();
 * export default { fetch, scheduled };
 */
export interface Signalbox {
  /**
   * To mount: `app.route("/signalbox", signalbox.app)`. Takes its own paths below that: those of the document under `/v1`,
   * `/healthz`, `/docs` and `/openapi.json`, and the last three only where the host has no route of exactly that path.
   */
  readonly app: Hono;
  /** The same for a Worker that is nothing else, and to call it without a network. */
  readonly fetch: (request: Request, env: object) => Promise<Response>;
  /**
   * The cron entry point; wants the trigger `* * * * *`. May run twice for one minute.
   * @throws SignalboxError `config_invalid`
   * @throws AggregateError of what failed, once every part was tried
   */
  readonly scheduled: (
    controller: { readonly scheduledTime: number },
    env: object,
  ) => Promise<void>;
}

/** What is made of an `env`. */
interface Setup {
  readonly config: Config;
  readonly app: Hono;
}

const redisTimeoutMs = 8_000;
const pingTimeoutMs = 2_000;
const retryAfterMs = 100;

/**
 * Makes the parts to put into a Worker; they read their configuration from its bindings, once for each `env`.
 * @example
 * const signalbox = createSignalbox({ schedules });
 * const app = new Hono().route("/signalbox", signalbox.app);
 * export default { fetch: app.fetch, scheduled: signalbox.scheduled };
 */
export function createSignalbox({ onResult, schedules = [] }: SignalboxOptions = {}): Signalbox {
  const hookFor = (env: Env): { readonly onResult?: OnResult } =>
    onResult === undefined ? {} : { onResult: (result) => onResult(result, env) };

  const setups = new WeakMap<object, Setup>();

  /**
   * A Worker gets another `env` only with another isolate. Only a finished setup is kept: the platform forbids that a
   * request waits for what another one has begun.
   * @throws SignalboxError `config_invalid`
   */
  async function setUp(env: object): Promise<Setup> {
    const known = setups.get(env);
    if (known !== undefined) return known;
    const config = await readConfig(env as Env);
    for (const detail of deprecatedSettings(env as Env)) {
      log({ level: "warn", event: "config.deprecated", detail });
    }
    if (isInTheClear(config.redis.url)) {
      const detail = inTheClearWarning("UPSTASH_REDIS_REST_URL", "commands and their token go");
      log({ level: "warn", event: "config.insecure", detail });
    }
    const setup = { config, app: createApp({ ...appDeps(config), ...hookFor(env as Env) }) };
    setups.set(env, setup);
    return setup;
  }

  async function answer(request: Request, env: object): Promise<Response> {
    let setup: Setup;
    try {
      setup = await setUp(env);
    } catch (error) {
      log({ level: "error", event: "config.invalid", error });
      return problemResponse(error);
    }
    return setup.app.fetch(request);
  }

  return {
    app: mountable({ paths: ownPaths, answer, log }),
    fetch: answer,

    async scheduled({ scheduledTime }, env) {
      const { config } = await setUp(env);
      const { redis, ...more } = ledgerOptions(config);
      const options = { redis: coalesceCalls(redis), ...more };
      await tick(
        {
          ledger: createJobLedger(options),
          maintenance: createMaintenance(options),
          schedules: createScheduleLedger(options),
          declared: schedules,
          config,
          log,
          newId: newJobId,
          ...hookFor(env as Env),
        },
        scheduledTime,
      );
    },
  };
}

function appDeps(config: Config): AppDeps {
  const { redis, naming } = config;
  const quick = createUpstash({ ...redis, timeoutMs: pingTimeoutMs });
  const options = ledgerOptions(config);
  return {
    ledger: createJobLedger(options),
    maintenance: createMaintenance(options),
    schedules: createScheduleLedger(options),
    config,
    isAllowedQueue: () => true,
    countRequest: createRateCounter(options),
    now: Date.now,
    newId: newJobId,
    async ping() {
      await quick.send([{ command: ["PING"] }]);
    },
    subscribe: (signal, channel = resultChannel(naming)) =>
      subscribe({ ...redis, channel }, signal),
    deadline: (ms) => AbortSignal.timeout(ms),
    log,
  };
}

function ledgerOptions({ redis, naming, timing, envelopeKeys }: Config): LedgerOptions {
  const port = createUpstash({ ...redis, timeoutMs: redisTimeoutMs });
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, retryAfterMs));
  const signer = envelopeKeys === undefined ? {} : { signer: createJobSigner(envelopeKeys) };
  return { redis: retryOnce(port, pause), naming, timing, ...signer };
}
