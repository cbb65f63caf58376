/** A gateway whose Redis is demoted and keeps its connections: it finds the new master behind the same address. */
import { Redis } from "ioredis";
import { describe, it, onTestFinished } from "vitest";
import { startGateway } from "../../../gateway/server.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

const token = "a-token-for-the-tests";
/** A master otherwise waits five seconds for further replicas. */
const withoutDelay = { args: ["--repl-diskless-sync-delay", "0"] };

async function setUp() {
  const master = await startRedisServer(withoutDelay);
  const next = await startRedisServer(withoutDelay);
  const proxy = await startTcpProxy(master.port);
  const gateway = await startGateway({ redisUrl: `redis://127.0.0.1:${proxy.port}`, token });
  onTestFinished(async () => {
    await gateway.close();
    await proxy[Symbol.asyncDispose]();
    await Promise.all([master.stop(), next.stop()]);
  });
  return { master, next, proxy, gateway };
}

/** Makes the old master the replica of `next`; its connections stay. */
async function demote(master: RedisServer, next: RedisServer): Promise<void> {
  const redis = new Redis(master.url);
  await redis.replicaof("127.0.0.1", next.port);
  await until(async () => (await redis.info("replication")).includes("role:slave"), {
    or: "the old master to be a replica",
  });
  redis.disconnect();
}

describe("a master that has become a replica", () => {
  it.for([
    ["a command", "/", ["SET", "k", "v"]],
    ["a script", "/", ["EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "k"]],
    [
      "a pipeline",
      "/pipeline",
      [
        ["GET", "k"],
        ["SET", "k", "v"],
      ],
    ],
    ["a transaction", "/multi-exec", [["SET", "k", "v"]]],
  ] as const)("is left at the first refusal of %s", async ([, path, body], { expect }) => {
    const { master, next, proxy, gateway } = await setUp();
    const post = async () => {
      const response = await fetch(`${gateway.url}${path}?_token=${token}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      return { status: response.status, text: await response.text() };
    };
    expect((await post()).status).toBe(200);
    await demote(master, next);
    proxy.aim(next.port);
    expect((await post()).text).toMatch(/READONLY|EXECABORT/);
    await until(async () => !/error/.test((await post()).text), { or: "the new master" });
    const redis = new Redis(next.url);
    expect(await redis.get("k")).toBe("v");
    redis.disconnect();
  });

  it("ends the streams, whose readers then subscribe at the new one", async ({ expect }) => {
    const { master, next, proxy, gateway } = await setUp();
    const stream = await fetch(`${gateway.url}/subscribe/c?_token=${token}`);
    await demote(master, next);
    proxy.aim(next.port);
    await fetch(`${gateway.url}/set/k/v?_token=${token}`);
    expect(await stream.text()).toBe("data: subscribe,c,1\n\n");
  });

  it("is not left over and over where the address leads to a replica for good", async ({
    expect,
  }) => {
    const { master, next, gateway } = await setUp();
    await demote(master, next);
    const answers = [];
    for (let at = 0; at < 50; at++) {
      answers.push((await fetch(`${gateway.url}/set/k/v?_token=${token}`)).status);
    }
    const redis = new Redis(master.url);
    const info = await redis.info("stats");
    redis.disconnect();
    // The connections of this test, of the replication and of a few reconnections.
    expect(Number(/total_connections_received:(\d+)/.exec(info)?.[1])).toBeLessThan(15);
    expect(answers).toContain(400);
  });

  it("is not what a value, a key or a script says that quotes the code", async ({ expect }) => {
    const { gateway, proxy } = await setUp();
    const [links] = [proxy.links()];
    const connections = async () => {
      const response = await fetch(`${gateway.url}/info/clients?_token=${token}`);
      return response.status;
    };
    for (const body of [
      ["SET", "READONLY x", "READONLY You can't write"],
      ["GET", "READONLY x"],
      ["INCR", "READONLY x"],
      ["EVAL", "return redis.call('INCR', KEYS[1])", "1", "READONLY x"],
      ["EVAL", "error('-READONLY x')", "0"],
      ["READONLYX", "-READONLY "],
    ]) {
      await fetch(`${gateway.url}/?_token=${token}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
    }
    expect(await connections()).toBe(200);
    expect(proxy.links()).toBe(links);
  });
});
