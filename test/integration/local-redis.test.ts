import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, it } from "vitest";
import { startRedis } from "../../local/redis.ts";
import { createSupervisor } from "../../local/supervisor.ts";

let directory: string;
const supervisors: ReturnType<typeof createSupervisor>[] = [];

function supervise() {
  const supervisor = createSupervisor(() => undefined);
  supervisors.push(supervisor);
  return supervisor;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "signalbox-redis-"));
});

afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.stop()));
  await rm(directory, { recursive: true });
});

async function withClient<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

describe("the stack's Redis", () => {
  it("listens on loopback, keeps everything, and evicts nothing", async ({ expect }) => {
    const url = await startRedis(supervise(), { directory, url: undefined });
    expect(url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
    await withClient(url, async (redis) => {
      for (const [name, value] of [
        ["bind", "127.0.0.1"],
        ["appendonly", "yes"],
        ["appendfsync", "everysec"],
        ["maxmemory-policy", "noeviction"],
        ["protected-mode", "yes"],
        ["dir", directory],
      ] as const) {
        expect(await redis.config("GET", name)).toEqual([name, value]);
      }
    });
  });

  it("has its data again after a restart", async ({ expect }) => {
    const first = supervise();
    const url = await startRedis(first, { directory, url: undefined });
    await withClient(url, (redis) => redis.set("job", "kept"));
    await first.stop();
    const again = await startRedis(supervise(), { directory, url: undefined });
    await expect(withClient(again, (redis) => redis.get("job"))).resolves.toBe("kept");
  });

  it("refuses a folder that another server uses", async ({ expect }) => {
    await startRedis(supervise(), { directory, url: undefined });
    const pid = (await readFile(join(directory, "redis.pid"), "utf8")).trim();
    await expect(startRedis(supervise(), { directory, url: undefined })).rejects.toThrow(
      new RegExp(`process ${pid}\\).*SIGNALBOX_HOME`),
    );
  });

  it("is not stopped by the number that a crash left behind", async ({ expect }) => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(other, "spawn");
    try {
      await writeFile(join(directory, "redis.pid"), `${other.pid ?? ""}\n`);
      await expect(startRedis(supervise(), { directory, url: undefined })).resolves.toBeTypeOf(
        "string",
      );
    } finally {
      other.kill();
      await once(other, "exit");
    }
  });

  it("takes the server of REDIS_URL, once it has answered", async ({ expect }) => {
    const url = await startRedis(supervise(), { directory, url: undefined });
    const findServer = () => Promise.reject(new Error("not asked for"));
    await expect(startRedis(supervise(), { directory, url, findServer })).resolves.toBe(url);
  });

  it.for([
    ["redis://u:secret@127.0.0.1:1", /^REDIS_URL: the server at 127\.0\.0\.1:1 .*ECONNREFUSED/],
    ["127.0.0.1:6379", /^REDIS_URL: expected a URL such as/],
    ["http://127.0.0.1:6379", /^REDIS_URL: expected a URL such as/],
  ] as const)("says what is wrong with %s, and no secret", async ([url, message], { expect }) => {
    const outcome = startRedis(supervise(), { directory, url });
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.not.toThrow("secret");
  });
});
