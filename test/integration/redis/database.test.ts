/** The database of a URL: every program works in it or, if it cannot be selected, does not start. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, test } from "vitest";
import { checkRedis } from "../../../cli/doctor-machine.ts";
import { makeUsers } from "../../../cli/keys-acl.ts";
import { startGateway } from "../../../gateway/server.ts";
import { createProducer } from "../../../producer/producer.ts";
import { startSubscriber } from "../../../subscriber/start.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { urlAs } from "../../support/redis-users.ts";
import { spawnSubscriber } from "../../support/subscriber-process.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

const token = "a-token-for-the-tests";
let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startRedisServer();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

/** URLs that Redis or we refuse, and what is said. */
const refused = () =>
  [
    [`${server.url}/99`, "database 99 cannot be selected"],
    [`${server.url}?db=16`, "database 16 cannot be selected"],
    // A user of `keys acl` for database 0.
    [`${urlAs(server.url, "subscriber")}/3`, "+select"],
    [`${urlAs(server.url, "function")}/3`, "+select"],
    [server.url.replace("//", "//nobody:planted-password@"), "WRONGPASS"],
    [`${server.url.replace("//", "//nobody:planted-password@")}/3`, "WRONGPASS"],
    [`${server.url}/abc`, "number of a database"],
    [`${server.url}/-1`, "number of a database"],
    ["redis+sentinel://:planted-password@127.0.0.1:26379/mymaster", "Sentinel"],
  ] as const;

const env = { SIGNALBOX_NODES: "1" };
const handlers = { echo: (payload: unknown) => payload };

/** Everything that Redis holds, in all databases. */
const keyspace = async () => (await admin.info("keyspace")).replaceAll(/\s+/g, " ").trim();

describe("a database that cannot be selected, or another setting that Redis refuses", () => {
  test("ends the start of a subscriber in a program", async ({ expect }) => {
    for (const [url, said] of refused()) {
      const starting = startSubscriber({ env: { ...env, REDIS_URL: url }, handlers });
      await expect(starting, url).rejects.toMatchObject({
        code: "config_invalid",
        message: expect.stringContaining(said) as string,
      });
      await starting.catch((error: unknown) => {
        expect(String(error)).not.toContain("planted-password");
      });
    }
    expect(await keyspace()).toBe("# Keyspace");
  });

  test.for([0, 2, 4, 6])("ends the subscriber's program with 2: %i", async (at, { expect }) => {
    const [url = "", said = ""] = refused()[at] ?? [];
    await using child = await spawnSubscriber({ REDIS_URL: url }, { early: true });
    expect(await child.exited).toBe(2);
    const output = JSON.stringify(child.lines) + child.stderr();
    expect(output).toContain(said);
    expect(output).not.toContain("planted-password");
    expect(await keyspace()).toBe("# Keyspace");
  });

  test("ends the creation of a producer", async ({ expect }) => {
    for (const [redisUrl, said] of refused()) {
      await expect(createProducer({ redisUrl }), redisUrl).rejects.toMatchObject({
        code: "config_invalid",
        message: expect.stringContaining(said) as string,
      });
    }
    expect(await keyspace()).toBe("# Keyspace");
  });

  test("ends the start of a gateway, in a program and as one", async ({ expect }) => {
    for (const [redisUrl, said] of refused()) {
      await expect(startGateway({ redisUrl, token }), redisUrl).rejects.toMatchObject({
        code: "config_invalid",
        message: expect.stringContaining(said) as string,
      });
    }
    const main = new URL("../../../gateway/main.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [main], {
      env: {
        PATH: process.env["PATH"],
        REDIS_URL: `${server.url}/99`,
        UPSTASH_REDIS_REST_TOKEN: token,
        PORT: "0",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said, [code]] = await Promise.all([
      text(child.stdout),
      once(child, "exit") as Promise<[code: number | null]>,
    ]);
    expect([said, code]).toEqual([expect.stringContaining("database 99"), 2]);
  });

  test("is what the doctor says, and what to do", async ({ expect }) => {
    for (const [url, said] of refused()) {
      const findings = await checkRedis({ REDIS_URL: url });
      expect(findings, url).toEqual([expect.objectContaining({ check: "redis", state: "wrong" })]);
      expect(JSON.stringify(findings), url).toContain(said);
      expect(JSON.stringify(findings)).not.toContain("planted-password");
    }
  });
});

describe("a database that can be selected", () => {
  test("is where all of them work, with the users that `keys acl` makes for it", async ({
    expect,
  }) => {
    const made = makeUsers({ REDIS_URL: `${server.url}/3` });
    expect(made.rules.subscriber.split(" ")).toContain("+select");
    expect(makeUsers({ REDIS_URL: server.url }).rules.subscriber).not.toContain("+select");
    for (const line of made.file.split("\n").filter((each) => each.startsWith("user signalbox-"))) {
      await admin.call("ACL", "SETUSER", ...line.split(" ").slice(1));
    }
    const { subscriber, function: forFunction } = made.users;
    const running = await startSubscriber({ env: { ...env, REDIS_URL: subscriber.url }, handlers });
    const producer = await createProducer({ redisUrl: subscriber.url });
    const gateway = await startGateway({ redisUrl: forFunction.url, token });
    expect(await producer.run({ name: "echo", payload: 1 })).toMatchObject({ result: 1 });
    const read = await fetch(`${gateway.url}/hlen/signalbox:{default}:jobs?_token=${token}`);
    expect(await read.json()).toEqual({ result: 1 });
    expect(await keyspace()).toMatch(/^# Keyspace db3:/);
    producer.close();
    await Promise.all([running.stop(), gateway.close()]);
    const findings = await checkRedis({ REDIS_URL: subscriber.url });
    expect(findings.filter(({ state }) => state === "wrong")).toEqual([]);
    await admin.flushall();
  });

  test("is never another after a reconnection that cannot select it", async ({ expect }) => {
    await using proxy = await startTcpProxy(server.port);
    await admin.call("ACL", "SETUSER", "mover", "on", "nopass", "~*", "&*", "+@all");
    const url = `redis://mover:x@127.0.0.1:${proxy.port}/3`;
    const unreachable: unknown[] = [];
    const running = await startSubscriber({ env: { ...env, REDIS_URL: url }, handlers });
    running.events.on("redis:unreachable", (fields) => unreachable.push(fields));
    const gateway = await startGateway({ redisUrl: url, token });
    await admin.call("ACL", "SETUSER", "mover", "-select");
    proxy.cut();
    await until(() => unreachable.length > 0, { or: "the refusal to be told" });
    const answer = await fetch(`${gateway.url}/set/other/1?_token=${token}`);
    expect(answer.status).toBe(503);
    expect(unreachable).toContainEqual(
      expect.objectContaining({
        address: `redis://127.0.0.1:${proxy.port}/3`,
        reason: expect.stringContaining("database 3 cannot be selected") as string,
      }),
    );
    expect(await keyspace()).not.toContain("db0:");
    const listening = new Promise((resolve) => {
      running.events.on("listening", resolve);
    });
    await admin.call("ACL", "SETUSER", "mover", "+select");
    await listening;
    await Promise.all([running.stop(), gateway.close()]);
    expect(await keyspace()).not.toContain("db0:");
    await admin.flushall();
  });
});
