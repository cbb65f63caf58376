/**
 * `npm run gateway`: the Upstash REST API in front of any Redis. The only file that reads the environment.
 * A signal ends it cleanly with code 0; it exits with 1 if it cannot start.
 */
import { pino } from "pino";
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
    log.fatal({ err: error }, "cannot listen; is the port in use?");
    process.exitCode = 1;
  }
} else {
  for (const problem of config.problems) log.fatal(problem);
  process.exitCode = 1;
}
