/**
 * `npm run gateway`: the Upstash REST API in front of any Redis. The only file that reads the environment.
 * A signal ends it cleanly with code 0; it exits with 2 if Redis refuses what `REDIS_URL` says, and with 1 if it cannot
 * start for another reason.
 */
import { pino } from "pino";
import { SignalboxError } from "../protocol/error.ts";
import { readConfig } from "./config.ts";
import { startGateway } from "./server.ts";

const log = pino({ name: "gateway" });

const config = readConfig(process.env);
if (config.ok) {
  try {
    const gateway = await startGateway({ ...config.options, log });
    log.info({ url: gateway.url }, "listening");
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        log.info({ signal }, "closing");
        void gateway.close();
      });
    }
  } catch (error) {
    if (error instanceof SignalboxError) {
      log.fatal({ code: error.code }, error.message);
      process.exitCode = 2;
    } else {
      log.fatal({ err: error }, "cannot listen; is the port in use?");
      process.exitCode = 1;
    }
  }
} else {
  for (const problem of config.problems) log.fatal(problem);
  process.exitCode = 1;
}
