/** The Worker. The only reader of bindings: they become dependencies anew for each request. */
import type { SignalboxError } from "../protocol/error.ts";
import { resultChannel } from "../protocol/keys.ts";
import type { LedgerOptions } from "../protocol/binding.ts";
import { createLedger } from "../protocol/ledger.ts";
import { createSchedules } from "../protocol/schedule-ledger.ts";
import { createUpkeep } from "../protocol/upkeep.ts";
import { newJobId } from "../protocol/names.ts";
import { createApp } from "./app.ts";
import { readConfig, type Config, type Env } from "./config.ts";
import type { AppDeps } from "./deps.ts";
import { problemResponse } from "./problem.ts";
import { repeatOnce } from "./repeat.ts";
import { schedules as declared } from "./schedules.ts";
import { subscribe } from "./subscription.ts";
import { tick } from "./tick.ts";
import { createUpstash } from "./upstash.ts";

/** The parts of the runtime's types that are used here. */
interface Worker {
  fetch(request: Request, env: Env): Promise<Response>;
  scheduled(controller: { readonly scheduledTime: number }, env: Env): Promise<void>;
}

const redisTimeoutMs = 8_000;
const pingTimeoutMs = 2_000;
const repeatAfterMs = 100;

export default {
  async fetch(request, env) {
    let config: Config;
    try {
      config = await readConfig(env);
    } catch (error) {
      log({ level: "error", event: "config.invalid", error });
      return problemResponse(error);
    }
    return createApp(appDeps(config)).fetch(request);
  },

  async scheduled(controller, env) {
    const config = await readConfig(env);
    const options = ledgerOptions(config);
    await tick(
      {
        ledger: createLedger(options),
        upkeep: createUpkeep(options),
        schedules: createSchedules(options),
        ...{ declared, config, log, newId: newJobId },
      },
      controller.scheduledTime,
    );
  },
} satisfies Worker;

function appDeps(config: Config): AppDeps {
  const { redis, naming } = config;
  const quick = createUpstash({ ...redis, timeoutMs: pingTimeoutMs });
  const options = ledgerOptions(config);
  return {
    ledger: createLedger(options),
    upkeep: createUpkeep(options),
    schedules: createSchedules(options),
    config,
    now: Date.now,
    newId: newJobId,
    async ping() {
      await quick.send([{ command: ["PING"] }]);
    },
    subscribe: (signal) => subscribe({ ...redis, channel: resultChannel(naming) }, signal),
    deadline: (ms) => AbortSignal.timeout(ms),
    log,
  };
}

function ledgerOptions({ redis, naming, timing }: Config): LedgerOptions {
  const port = createUpstash({ ...redis, timeoutMs: redisTimeoutMs });
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, repeatAfterMs));
  return { redis: repeatOnce(port, pause), naming, timing };
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
