/** The REST gateway of the stack, as a child process. */
import { programPath } from "./program.ts";
import type { Supervisor } from "./supervisor.ts";
import { untilListening } from "./until-listening.ts";

export interface GatewayOptions {
  readonly redisUrl: string;
  readonly token: string;
}

/** Resolves with the URL on which the gateway listens. */
export function startGateway(supervisor: Supervisor, options: GatewayOptions): Promise<string> {
  return supervisor.start({
    name: "gateway",
    command: process.execPath,
    args: [programPath("gateway/main")],
    cwd: process.cwd(),
    env: {
      REDIS_URL: options.redisUrl,
      PORT: "0",
      UPSTASH_REDIS_REST_TOKEN: options.token,
    },
    readyWithinMs: 15_000,
    ready: async (child, signal) => {
      const { url } = await untilListening(child, signal);
      if (typeof url !== "string") throw new Error("The gateway did not say where it listens.");
      return url;
    },
  });
}
