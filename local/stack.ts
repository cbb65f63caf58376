/** Assembles the local stack: its parts, their order, and the settings of each. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fireCron, startClock } from "./clock.ts";
import { startFunction } from "./function.ts";
import { startGateway } from "./gateway.ts";
import { startNodeFunction } from "./node-function.ts";
import { startPages } from "./pages.ts";
import { isBuilt, programPath } from "./program.ts";
import { type StackRedis, startRedis } from "./redis.ts";
import { startSubscriber } from "./subscriber.ts";
import type { Supervisor } from "./supervisor.ts";

export interface StackOptions {
  /** The project's folder. */
  readonly root: string;
  /** The folder for the files of the stack. */
  readonly home: string;
  /** The port of the function. */
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  /** A Worker's module to serve in Node, instead of the function in wrangler. */
  readonly app?: string;
  /** Where that module mounts Signalbox; "" for /. */
  readonly mount: string;
  readonly print: (name: string, line: string) => void;
}

/** The addresses and credentials of the parts. */
export interface Stack {
  readonly functionUrl: string;
  readonly gatewayUrl: string;
  readonly redis: Pick<StackRedis, "shown" | "passwordFile">;
  /** The bearer token of callers of the function. */
  readonly token: string;
  /** Whether the token was made for this run, so that the user does not know it yet. */
  readonly isTokenNew: boolean;
  readonly pageUrls: readonly string[];
}

/** Starts the parts; resolves when all are ready. They end in the opposite order. */
export async function startStack(supervisor: Supervisor, options: StackOptions): Promise<Stack> {
  const { root, home, port, env, print } = options;
  const token = env["SIGNALBOX_TOKEN"] ?? randomBytes(24).toString("hex");
  const signingSecret =
    env["SIGNALBOX_SIGNING_SECRET"] ?? `whsec_${randomBytes(32).toString("base64")}`;
  const gatewayToken = randomBytes(24).toString("hex");

  const redis = await startRedis(supervisor, {
    directory: join(home, "redis"),
    url: env["REDIS_URL"],
    env,
  });
  const gatewayUrl = await startGateway(supervisor, {
    redisUrl: redis.functionUrl,
    token: gatewayToken,
  });
  const variables = {
    ...settings(env),
    UPSTASH_REDIS_REST_URL: gatewayUrl,
    UPSTASH_REDIS_REST_TOKEN: gatewayToken,
    SIGNALBOX_TOKEN: token,
    SIGNALBOX_SIGNING_SECRET: signingSecret,
  };
  const app = options.app ?? (isBuilt ? programPath("functions/worker") : undefined);
  const workerUrl =
    app === undefined
      ? await startFunction(supervisor, {
          root,
          port,
          variables,
          directory: join(home, "wrangler"),
        })
      : await startNodeFunction(supervisor, { app, port, variables });
  const functionUrl = `${workerUrl}${options.mount}`;
  const pages = await startPages(supervisor, join(root, "examples", "pages"));
  await startSubscriber(supervisor, {
    redisUrl: redis.subscriberUrl,
    functionUrl,
    signingSecret,
    fetchHosts: [env["SIGNALBOX_FETCH_HOSTS"], pages.host].filter(Boolean).join(","),
    env,
  });
  supervisor.own(
    startClock({
      fire: (scheduledMs, signal) => fireCron(workerUrl, scheduledMs, signal),
      report: (line) => {
        print("clock", line);
      },
    }),
  );
  const isTokenNew = env["SIGNALBOX_TOKEN"] === undefined;
  return { functionUrl, gatewayUrl, redis, token, isTokenNew, pageUrls: pages.urls };
}

/**
 * The variables of Signalbox, which the subscriber inherits: function and subscriber need the same
 * prefixes and leases to work together.
 */
function settings(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      name.startsWith("SIGNALBOX_") && value !== undefined ? [[name, value]] : [],
    ),
  );
}
