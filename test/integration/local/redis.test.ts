/** The Redis of the local stack: a server of its own, or the one of REDIS_URL. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, it } from "vitest";
import { type StackRedis, startRedis } from "../../../local/redis.ts";
import { createSupervisor, type Supervisor } from "../../../local/supervisor.ts";

let directory: string;
const env = { SIGNALBOX_KEY_PREFIX: "mine" };
const supervisors: Supervisor[] = [];

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

/** Connects as the user that may do everything. */
async function withClient<T>(
  { shown, passwordFile = "" }: StackRedis,
  use: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis(shown, { password: await readFile(passwordFile, "utf8") });
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

describe("the stack's Redis", () => {
  it("listens on loopback, keeps everything, and evicts nothing", async ({ expect }) => {
    const started = await startRedis(supervise(), { directory, url: undefined, env });
    expect(started.shown).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
    await withClient(started, async (redis) => {
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
    const started = await startRedis(first, { directory, url: undefined, env });
    await withClient(started, (redis) => redis.set("job", "kept"));
    await first.stop();
    const again = await startRedis(supervise(), { directory, url: undefined, env });
    await expect(withClient(again, (redis) => redis.get("job"))).resolves.toBe("kept");
  });

  it("refuses a folder that another server uses", async ({ expect }) => {
    await startRedis(supervise(), { directory, url: undefined, env });
    const pid = (await readFile(join(directory, "redis.pid"), "utf8")).trim();
    await expect(startRedis(supervise(), { directory, url: undefined, env })).rejects.toThrow(
      new RegExp(`process ${pid}\\).*SIGNALBOX_HOME`),
    );
  });

  it("is not stopped by the process id that a crash left behind", async ({ expect }) => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(other, "spawn");
    try {
      await writeFile(join(directory, "redis.pid"), `${other.pid ?? ""}\n`);
      await expect(
        startRedis(supervise(), { directory, url: undefined, env }),
      ).resolves.toMatchObject({ shown: expect.stringMatching(/^redis:/) as string });
    } finally {
      other.kill();
      await once(other, "exit");
    }
  });

  it("takes the server of REDIS_URL, once it has answered", async ({ expect }) => {
    const { functionUrl } = await startRedis(supervise(), { directory, url: undefined, env });
    const findServer = () => Promise.reject(new Error("not asked for"));
    const given = { directory, url: functionUrl, env, findServer };
    const taken = await startRedis(supervise(), given);
    expect(taken.subscriberUrl).toBe(functionUrl);
    expect(taken.shown).toMatch(/^redis:\/\/signalbox-function:\*\*\*@127\.0\.0\.1:\d+$/);
  });

  it("takes a database of that server only if it can be selected", async ({ expect }) => {
    const own = await startRedis(supervise(), { directory, url: undefined, env });
    const password = await readFile(own.passwordFile ?? "", "utf8");
    const at = (db: string) => own.shown.replace("//", `//default:${password}@`) + db;
    const start = (url: string) => startRedis(supervise(), { directory, url, env });
    await expect(start(at("/3"))).resolves.toMatchObject({ functionUrl: at("/3") });
    await expect(start(at("/99"))).rejects.toThrow("database 99 cannot be selected");
    await expect(start(`${own.functionUrl}/3`)).rejects.toThrow("+select");
  });

  it("refuses clients without a password, and keeps passwords where only their owner can read them", async ({
    expect,
  }) => {
    const started = await startRedis(supervise(), { directory, url: undefined, env });
    const anonymous = new Redis(started.shown);
    anonymous.on("error", () => undefined);
    await expect(anonymous.ping()).rejects.toThrow("NOAUTH");
    anonymous.disconnect();
    for (const name of ["users.acl", "password"])
      expect((await stat(join(directory, name))).mode & 0o777, name).toBe(0o600);
    const file = await readFile(join(directory, "users.acl"), "utf8");
    for (const url of [started.functionUrl, started.subscriberUrl])
      expect(file).not.toContain(new URL(url).password);
  });

  it("gives function and subscriber users of their own, for the prefix that is set", async ({
    expect,
  }) => {
    const started = await startRedis(supervise(), { directory, url: undefined, env });
    for (const url of [started.functionUrl, started.subscriberUrl]) {
      const redis = new Redis(url);
      await expect(redis.hget("mine:{default}:jobs", "a")).resolves.toBeNull();
      await expect(redis.hget("signalbox:{default}:jobs", "a")).rejects.toThrow("NOPERM");
      redis.disconnect();
    }
  });

  it.for(["a b", "a\nuser evil on nopass ~* &* +@all", "{a}"])(
    "takes no rule for a prefix: %j",
    async (prefix, { expect }) => {
      const given = { directory, url: undefined, env: { SIGNALBOX_KEY_PREFIX: prefix } };
      await expect(startRedis(supervise(), given)).rejects.toThrow(
        "SIGNALBOX_KEY_PREFIX: expected",
      );
    },
  );

  it.for([
    ["redis://u:secret@127.0.0.1:1", /^REDIS_URL: the server at 127\.0\.0\.1:1 .*ECONNREFUSED/],
    ["redis+sentinel://:secret@127.0.0.1:26379/m", /^REDIS_URL: .*Sentinel/],
    ["redis://u:secret@127.0.0.1:1/abc", /^REDIS_URL: .*number of a database/],
    ["unix:///nowhere/redis.sock", /^REDIS_URL: the server at \/nowhere\/redis.sock .*ENOENT/],
    ["127.0.0.1:6379", /^REDIS_URL: expected a URL such as/],
    ["http://127.0.0.1:6379", /^REDIS_URL: expected a URL such as/],
  ] as const)("says what is wrong with %s, and no secret", async ([url, message], { expect }) => {
    const outcome = startRedis(supervise(), { directory, url, env });
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.not.toThrow("secret");
  });
});
