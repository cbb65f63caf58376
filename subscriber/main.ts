/** Composition root: the only reader of `process`. Exit codes: 0 drained, 1 jobs given back, 2 misconfigured. */
import { SignalboxError } from "../protocol/error.ts";
import { importSigningKeys } from "../protocol/signature.ts";
import { readConfig } from "./config.ts";
import { createEvents } from "./events.ts";
import { createConnection } from "./ioredis.ts";
import { createLog, logEvents } from "./log.ts";
import { loadModule } from "./module.ts";
import { createOutbox, noOutbox } from "./outbox.ts";
import { stopOnSignals } from "./shutdown.ts";
import { createSubscriber } from "./subscriber.ts";

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel, process.stdout);
  const module = await loadModule(config.handlers);
  const events = createEvents((error) => {
    log.error({ reason: String(error) }, "an event listener threw");
  });
  logEvents(events, log);
  const { callbackUrl: url, signingSecret } = config;
  const outbox =
    url === undefined || signingSecret === undefined
      ? noOutbox
      : createOutbox({ url, keys: await importSigningKeys(signingSecret), events });
  if (outbox === noOutbox)
    log.warn("SIGNALBOX_CALLBACK_URL is not set: results are recorded by the tick");
  const subscriber = createSubscriber({
    config,
    module,
    commands: createConnection(config.redisUrl),
    subscription: createConnection(config.redisUrl),
    outbox,
    events,
    log,
  });
  const stop = stopOnSignals(process, subscriber, log);
  events.on("superseded", stop);
  events.on("redis:refused", () => {
    process.exit(2);
  });
  subscriber.start();
}

main().catch((error: unknown) => {
  const known = error instanceof SignalboxError;
  process.stderr.write(
    `${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 2;
});
