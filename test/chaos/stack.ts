/** The whole stack on this machine, made of real parts, with a link between any two that communicate. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "../../local/ports.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { urlAs } from "../support/redis-users.ts";
import { startForeignNode } from "./foreign-node.ts";
import type { History } from "./history.ts";
import { type Link, startLink } from "./link.ts";
import { createFunctionPart, createGatewayPart, type Part } from "./master.ts";
import { startStation, type Station } from "./station.ts";

/** Short times, so that much happens in a minute. In milliseconds. */
export const timing = {
  unacknowledgedMs: 1_500,
  leaseMs: 3_000,
  foreignMs: 6_000,
  pingMs: 1_500,
  drainMs: 3_000,
} as const;

/** Every station and its nodes; each node has slots in both queues, s1 at one station each. */
export const stationNodes = {
  a: "a1:5@default+bulk:2,a2:3@default+bulk:1,s1@default:2",
  b: "b1:6@default+bulk:3,s1@bulk:2",
  c: "c1:4@default+bulk:2",
} as const;
export const nodeNames = ["a1", "a2", "b1", "c1", "s1"] as const;
export const queueNames = ["default", "bulk"] as const;
export const sharedLinks = ["client", "rest", "gateway"] as const;

const clientToken = "chaos-client-token-0123456789";
const gatewayToken = "chaos-gateway-token-0123456789";
const secret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

export interface Stack extends AsyncDisposable {
  readonly redis: RedisServer;
  /** A connection that only faults of Redis itself affect. */
  readonly direct: Redis;
  readonly stations: readonly Station[];
  readonly links: ReadonlyMap<string, Link>;
  readonly gateway: Part;
  readonly master: Part;
  /** The URL for callers, through the link `client`. */
  readonly clientUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The file that handlers write to. */
  readonly runs: string;
}

/** Resolves once everything is up. */
export async function startStack(history: History): Promise<Stack> {
  const parts = new AsyncDisposableStack();
  try {
    return await build(parts, history);
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

async function build(parts: AsyncDisposableStack, history: History): Promise<Stack> {
  const directory = await mkdtemp(join(tmpdir(), "signalbox-chaos-"));
  parts.defer(() => rm(directory, { recursive: true, force: true }));
  const links = new Map<string, Link>();
  const link = async (name: string, port: number) => {
    const made = parts.use(await startLink(port));
    links.set(name, made);
    return made;
  };

  // Redis syncs each write before it answers, so a crash loses nothing that was accepted. It never rewrites its log,
  // because `audit.ts` reads all of it.
  const args = ["--auto-aof-rewrite-percentage", "0"];
  const redis = parts.use(await startRedisServer({ appendonly: true, args }));
  const direct = new Redis(redis.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  direct.on("error", () => undefined);
  parts.defer(() => {
    direct.disconnect();
  });

  const gatewayLink = await link("gateway", redis.port);
  const redisUrl = urlAs(`redis://127.0.0.1:${gatewayLink.port}`, "function");
  const gateway = createGatewayPart({ redisUrl, port: await freePort(), token: gatewayToken });
  parts.defer(gateway.stop);
  await gateway.start();

  const rest = await link("rest", portOf(gateway.url));
  const port = await freePort();
  const variables = {
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${rest.port}`,
    UPSTASH_REDIS_REST_TOKEN: gatewayToken,
    SIGNALBOX_TOKEN: clientToken,
    SIGNALBOX_SIGNING_SECRET: secret,
    SIGNALBOX_UNACKNOWLEDGED_MS: String(timing.unacknowledgedMs),
    SIGNALBOX_LEASE_MS: String(timing.leaseMs),
    SIGNALBOX_FOREIGN_MS: String(timing.foreignMs),
  };
  const master = createFunctionPart({ directory, port, variables });
  parts.defer(master.stop);
  await master.start();
  const client = await link("client", port);
  parts.defer(startForeignNode(redis.url));

  const runs = join(directory, "runs.jsonl");
  const stations: Station[] = [];
  for (const [name, nodes] of Object.entries(stationNodes)) {
    const station = await startStation({
      name,
      nodes,
      history,
      redis: await link(`redis-${name}`, redis.port),
      callback: await link(`callback-${name}`, port),
      env: {
        CHAOS_RUNS: runs,
        SIGNALBOX_SIGNING_SECRET: secret,
        SIGNALBOX_UNACKNOWLEDGED_MS: String(timing.unacknowledgedMs),
        SIGNALBOX_LEASE_MS: String(timing.leaseMs),
        SIGNALBOX_FOREIGN_MS: String(timing.foreignMs),
        SIGNALBOX_PING_MS: String(timing.pingMs),
        SIGNALBOX_DRAIN_MS: String(timing.drainMs),
      },
    });
    stations.push(parts.use(station));
  }
  return {
    redis,
    direct,
    stations,
    links,
    gateway,
    master,
    runs,
    clientUrl: `http://127.0.0.1:${client.port}`,
    headers: { authorization: `Bearer ${clientToken}`, "content-type": "application/json" },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
