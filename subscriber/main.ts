/**
 * The subscriber as a program: the only reader of `process`. Exit codes: 0 drained; 1 jobs were given back, or the
 * Cluster has changed and the program must be started again; 2 misconfigured.
 */
import { SignalboxError } from "../protocol/error.ts";
import { deprecatedSettings } from "../protocol/settings/aliases.ts";
import { readConfig } from "./config/config.ts";
import { loadModule } from "./config/handler-module.ts";
import { createLog } from "./log.ts";
import { stopOnSignals } from "./shutdown.ts";
import { assemble } from "./start.ts";

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel, process.stdout);
  for (const deprecated of deprecatedSettings(process.env)) log.warn(deprecated);
  const module = await loadModule(config.handlers);
  const { subscriber, events } = await assemble(config, module, log);
  const stop = stopOnSignals(process, subscriber, log);
  events.on("superseded", () => {
    stop();
  });
  events.on("cluster:changed", () => {
    stop(1);
  });
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
