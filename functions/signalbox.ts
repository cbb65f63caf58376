/**
 * Signalbox as a part of a Worker: routes to mount in a Hono app, or an entry of its own. The only reader of
 * bindings: they become dependencies anew for each request.
 */
import { Hono } from "hono";
import { routePath } from "hono/route";
import type { LedgerOptions } from "../protocol/ledger/binding.ts";
import type { ResultMessage } from "../protocol/wire/messages.ts";
import type { SignalboxError } from "../protocol/error.ts";
import { deprecatedSettings } from "../protocol/settings/aliases.ts";
import { resultChannel } from "../protocol/redis/keys.ts";
import { createJobSigner } from "../protocol/signing/job.ts";
import { createJobLedger } from "../protocol/ledger/jobs.ts";
import { newJobId } from "../protocol/wire/names.ts";
import { createRateCounter } from "../protocol/ledger/rate-limit.ts";
import { createScheduleLedger } from "../protocol/ledger/schedules.ts";
import { createMaintenance } from "../protocol/ledger/maintenance.ts";
import { createApp } from "./app.ts";
import { readConfig, type Config, type Env } from "./config.ts";
import type { DeclaredSchedule } from "./schedules/declare.ts";
import type { AppDeps } from "./deps.ts";
import { problemResponse } from "./http/problem.ts";
import type { OnResult } from "./results/deliver.ts";
import { coalesceCalls } from "./redis/coalesce.ts";
import { retryOnce } from "./redis/retry-once.ts";
import { subscribe } from "./redis/subscribe.ts";
import { tick } from "./tick.ts";
import { createUpstash } from "./redis/upstash.ts";

/** What may be added to Signalbox. */
export interface SignalboxOptions {
  /**
   * Called for each result before it counts as recorded: the place to write it into a database of one's own, which
   * the bindings may hold. What it throws has the result come again; it may be called more than once for one result.
   */
  readonly onResult?: (result: ResultMessage, env: Env) => Promise<void>;
  /** Schedules that belong to the code; see `declare`. */
  readonly schedules?: readonly DeclaredSchedule[];
}

/** See `createSignalbox`. */
export interface Signalbox {
  /** To mount: `app.route("/signalbox", signalbox.app)`. Takes `/v1/…` and `/healthz` below that, nothing else. */
  readonly app: Hono;
  /** The same for a Worker that is nothing else, and to call it without a network. */
  readonly fetch: (request: Request, env: object) => Promise<Response>;
  /** The cron entry point; wants the trigger `* * * * *`. */
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

/** What of the host's paths is Signalbox's. */
const mounted = ["/healthz", "/openapi.json", "/docs", "/v1/*"];

const redisTimeoutMs = 8_000;
const pingTimeoutMs = 2_000;
const repeatAfterMs = 100;

/** Makes the parts to put into a Worker; they read their configuration from its bindings, once for each `env`. */
export function createSignalbox({ onResult, schedules = [] }: SignalboxOptions = {}): Signalbox {
  const hookFor = (env: Env): { readonly onResult?: OnResult } =>
    onResult === undefined ? {} : { onResult: (result) => onResult(result, env) };

  const setups = new WeakMap<object, Setup>();

  /**
   * A Worker gets another `env` only with another isolate. What is kept is whole: no request waits for what another
   * has begun, which the platform forbids.
   * @throws SignalboxError `config_invalid`
   */
  async function setUp(env: object): Promise<Setup> {
    const known = setups.get(env);
    if (known !== undefined) return known;
    const config = await readConfig(env as Env);
    for (const detail of deprecatedSettings(env as Env)) {
      log({ level: "warn", event: "config.deprecated", detail });
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

  const app = new Hono<{ Bindings: object }>();
  for (const pattern of mounted) {
    app.all(pattern, (c) => {
      const below = depthOf(routePath(c)) - depthOf(pattern);
      return answer(withoutSegments(c.req.raw, below), c.env);
    });
  }
  return {
    // Whoever mounts it has bindings of a type of his own.
    app: app as unknown as Hono,
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
          ...{ declared: schedules, config, log, newId: newJobId },
          ...hookFor(env as Env),
        },
        scheduledTime,
      );
    },
  };
}

function depthOf(path: string): number {
  return path.split("/").filter(Boolean).length;
}

/** The request as it would be if nothing were before Signalbox's own paths. */
function withoutSegments(request: Request, count: number): Request {
  if (count === 0) return request;
  const url = new URL(request.url);
  url.pathname = `/${url.pathname
    .split("/")
    .slice(count + 1)
    .join("/")}`;
  return new Request(url, request);
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
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, repeatAfterMs));
  const signer = envelopeKeys === undefined ? {} : { signer: createJobSigner(envelopeKeys) };
  return { redis: retryOnce(port, pause), naming, timing, ...signer };
}

function log(fields: Readonly<Record<string, unknown>>): void {
  // eslint-disable-next-line no-console -- the Worker's log is its console, one JSON line per event
  console.log(
    JSON.stringify(fields, (_key, value: unknown) =>
      value instanceof Error ? shown(value) : value,
    ),
  );
}

function shown(error: Error & { code?: SignalboxError["code"]; errors?: unknown }) {
  const { name, code, message, stack, cause } = error;
  return { name, code, message, stack, cause, errors: error.errors };
}
