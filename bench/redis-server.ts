/** The Redis that all systems of a round share: a real server of the bench's own, on a free port. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort, LOOPBACK } from "../local/ports.ts";
import { findRedisServer } from "../local/redis-binary.ts";

/** How the server keeps what it is told. */
export const persistences = ["none", "everysec"] as const;
export type Persistence = (typeof persistences)[number];

/** A running server. */
export interface BenchRedis extends AsyncDisposable {
  readonly url: string;
  /** For looking only; the systems have connections of their own. */
  readonly redis: Redis;
  /** Commands since the last call, those inside scripts counted, our own looking left out. */
  readonly commands: () => Promise<ReadonlyMap<string, CommandCost>>;
  /** Bytes of memory that data and connections take. */
  readonly usedBytes: () => Promise<number>;
}

/** What one command was called for and took, since the last look. */
export interface CommandCost {
  readonly calls: number;
  readonly microseconds: number;
}

/** Ours: what `commands` and `usedBytes` themselves send. */
const ownCommands = /^(info|config\|\w+|memory\|\w+|flushall|client\|\w+)$/;

/** Resolves when it answers. */
export async function startBenchRedis(persistence: Persistence): Promise<BenchRedis> {
  const program = await findRedisServer();
  const directory = await mkdtemp(join(tmpdir(), "signalbox-bench-"));
  const port = await freePort();
  const child = spawn(
    program,
    [
      ...["--port", String(port), "--bind", LOOPBACK, "--dir", directory, "--save", ""],
      ...["--appendonly", persistence === "none" ? "no" : "yes", "--appendfsync", "everysec"],
    ],
    { stdio: "ignore" },
  );
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  child.once("exit", () => process.removeListener("exit", killWithUs));
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
    usedBytes: async () => {
      const memory = await redis.info("memory");
      return Number(/^used_memory:(\d+)/m.exec(memory)?.[1]);
    },
    [Symbol.asyncDispose]: async () => {
      redis.disconnect();
      await end(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
