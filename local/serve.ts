/**
 * Serves a Worker's module in Node, without wrangler: `fetch` of its default export, and `scheduled` under the path that
 * `wrangler dev` uses for it. The environment variables are its only bindings.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { serve } from "@hono/node-server";
import { pino } from "pino";
import { LOOPBACK } from "./ports.ts";

/** The part of a Worker's module that is used. */
interface WorkerModule {
  readonly default?: {
    readonly fetch?: (
      request: Request,
      env: object,
      context: object,
    ) => Response | Promise<Response>;
    readonly scheduled?: (controller: object, env: object, context: object) => unknown;
  };
}

const log = pino({ name: "function" });
const context = { waitUntil: () => undefined, passThroughOnException: () => undefined };
const path = resolve(process.env["SIGNALBOX_APP"] ?? "");

try {
  const { default: worker } = (await import(pathToFileURL(path).href)) as WorkerModule;
  if (worker?.fetch === undefined) {
    throw new TypeError("expected a module whose default export has fetch, as a Worker's has");
  }
  const answer = worker.fetch.bind(worker);
  const env = { ...process.env };
  const server = serve(
    {
      fetch: async (request) => {
        const url = new URL(request.url);
        if (url.pathname !== "/cdn-cgi/local/scheduled") return answer(request, env, context);
        if (worker.scheduled === undefined)
          return new Response("The default export has no scheduled.", { status: 404 });
        const scheduledTime = Number(url.searchParams.get("time"));
        await worker.scheduled({ scheduledTime, cron: "* * * * *" }, env, context);
        return new Response("ok");
      },
      hostname: LOOPBACK,
      port: Number(process.env["PORT"]),
    },
    ({ port }) => {
      log.info({ url: `http://${LOOPBACK}:${port}` }, "listening");
    },
  );
  process.once("SIGTERM", () => {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
} catch (error) {
  log.fatal({ err: error }, `cannot serve ${path}`);
  process.exitCode = 1;
}
