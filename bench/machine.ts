/** Describes the machine on which figures were taken; without it they mean nothing. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";
import { promisify } from "node:util";
import { findRedisServer } from "../local/redis-binary.ts";

/** The machine and the versions of everything that took part. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly redis: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
}

const packages = ["ioredis", "bullmq", "bull", "bee-queue", "wrangler"] as const;

/** Reads the description from the operating system and the packages. */
export async function describeMachine(): Promise<Machine> {
  const redis = await promisify(execFile)(await findRedisServer(), ["--version"]);
  const require = createRequire(import.meta.url);
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${await distribution()}, ${type()} ${release()}`,
    redis: /v=(\S+)/.exec(redis.stdout)?.[1] ?? redis.stdout.trim(),
    node: process.versions.node,
    versions: Object.fromEntries(
      packages.map((name) => {
        const { version } = require(`${name}/package.json`) as { version: string };
        return [name, version];
      }),
    ),
  };
}

async function distribution(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^PRETTY_NAME="(.*)"$/m.exec(text)?.[1] ?? process.platform;
}
