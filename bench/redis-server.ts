/** The Redis server that all systems of a round share, on a free port. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort, LOOPBACK } from "../local/ports.ts";
import { findRedisServer } from "../local/redis-binary.ts";
import { end, tie } from "./children.ts";

/** How the server persists its data. */
export const persistences = ["none", "everysec"] as const;
export type Persistence = (typeof persistences)[number];

/** A running server. */
export interface BenchRedis extends AsyncDisposable {
  readonly url: string;
  /** For measurements; the systems use their own connections. */
  readonly redis: Redis;
  /** Commands since the last call, including those inside scripts, without those of this interface. */
  readonly commands: () => Promise<ReadonlyMap<string, CommandCost>>;
  /** Bytes of memory that data and connections take. */
  readonly usedBytes: () => Promise<number>;
  /** Bytes that clients have sent, since the last call of `commands`. */
  readonly receivedBytes: () => Promise<number>;
}

/** How often one command was called since the last query, and how long it took. */
export interface CommandCost {
  readonly calls: number;
  readonly microseconds: number;
}

/** The commands that `commands` and `usedBytes` send themselves. */
const ownCommands = /^(info|config\|\w+|memory\|\w+|flushall|client\|\w+)$/;

/** Starts a server with extra arguments; resolves when it answers. */
export async function startBenchRedis(
  persistence: Persistence,
  args: readonly string[] = [],
): Promise<BenchRedis> {
  const program = await findRedisServer();
  const directory = await mkdtemp(join(tmpdir(), "signalbox-bench-"));
  const port = await freePort();
  const child = spawn(
    program,
    [
      "--port",
      String(port),
      "--bind",
      LOOPBACK,
      "--dir",
      directory,
      "--save",
      "",
      "--appendonly",
      persistence === "none" ? "no" : "yes",
      "--appendfsync",
      "everysec",
      ...args,
    ],
    { stdio: "ignore" },
  );
  tie(child);
  const url = `redis://${LOOPBACK}:${port}`;
  const redis = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: 500 });
  redis.on("error", () => undefined);
  await redis.ping();
  return {
    url,
    redis,
    commands: async () => {
      const stats = await redis.info("commandstats");
      await redis.call("CONFIG", "RESETSTAT");
      const found = stats.matchAll(/cmdstat_(\S+?):calls=(\d+),usec=(\d+)/g);
      return new Map(
        [...found]
          .filter(([, name = ""]) => !ownCommands.test(name))
          .map(([, name = "", calls, usec]) => [
            name,
            { calls: Number(calls), microseconds: Number(usec) },
          ]),
      );
    },
    usedBytes: async () => infoNumber(await redis.info("memory"), "used_memory"),
    receivedBytes: async () => infoNumber(await redis.info("stats"), "total_net_input_bytes"),
    [Symbol.asyncDispose]: async () => {
      redis.disconnect();
      await end(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function infoNumber(info: string, field: string): number {
  const [, digits] = new RegExp(`^${field}:(\\d+)`, "m").exec(info) ?? [];
  return Number(digits);
}
