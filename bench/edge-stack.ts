/** The function in `wrangler dev`, the gateway and a Redis, for benches of the function. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFunction } from "../local/function.ts";
import { startGateway } from "../local/gateway.ts";
import { freePort } from "../local/ports.ts";
import { createSupervisor } from "../local/supervisor.ts";
import { startBenchRedis } from "./redis-server.ts";

const root = join(import.meta.dirname, "..");
const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** The bearer token of callers. */
export const clientToken = "bench-client-token-0123456789";
/** The token with which the function calls the gateway. */
export const gatewayToken = "bench-gateway-token-0123456789";

/** The addresses of the parts. */
export interface Urls {
  readonly redisUrl: string;
  readonly gatewayUrl: string;
  readonly functionUrl: string;
}

/** Starts all parts, calls `use` with their addresses, and stops them. */
export async function withFunction<T>(use: (urls: Urls) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "signalbox-edge-"));
  const supervisor = createSupervisor(() => undefined);
  await using server = await startBenchRedis("none");
  try {
    const redisUrl = server.url;
    const gatewayUrl = await startGateway(supervisor, { redisUrl, token: gatewayToken });
    const functionUrl = await startFunction(supervisor, {
      root,
      directory,
      port: await freePort(),
      variables: variablesOf(gatewayUrl),
    });
    return await use({ redisUrl, gatewayUrl, functionUrl });
  } finally {
    await supervisor.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The function's variables and secrets. */
export function variablesOf(gatewayUrl: string): Readonly<Record<string, string>> {
  return {
    UPSTASH_REDIS_REST_URL: gatewayUrl,
    UPSTASH_REDIS_REST_TOKEN: gatewayToken,
    SIGNALBOX_TOKEN: clientToken,
    SIGNALBOX_SIGNING_SECRET: secret,
  };
}
