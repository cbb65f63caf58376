/** The gateway without Redis, and the start and end of its program. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { describe, it, onTestFinished } from "vitest";
import type { GatewayLog } from "../../../gateway/log.ts";
import { type Gateway, startGateway } from "../../../gateway/server.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";

const TOKEN = "a-token-for-the-tests";
const MAIN = new URL("../../../gateway/main.ts", import.meta.url).pathname;

/** A log that can be waited for. */
function listeningLog() {
  const waiting = new Map<string, () => void>();
  const lines: string[] = [];
  const write = (fields: unknown, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
    waiting.get(message)?.();
  };
  const log: GatewayLog = { info: write, warn: write };
  return {
    log,
    lines,
    next: (message: string) =>
      new Promise<void>((resolve) => {
        waiting.set(message, resolve);
      }),
  };
}

async function setUp(options: { readonly redisTimeoutMs?: number } = {}) {
  const redisServer = await startRedisServer();
  const logged = listeningLog();
  const { log } = logged;
  const gateway = await startGateway({ redisUrl: redisServer.url, token: TOKEN, log, ...options });
  onTestFinished(async () => {
    await gateway.close();
    await redisServer.stop();
  });
  return { redisServer, gateway, logged };
}

async function call(gateway: Pick<Gateway, "url">, path: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const response = await fetch(gateway.url + path, { ...init, headers });
  return [response.status, await response.json()] as const;
}

const NOT_SENT = { error: "ERR Redis cannot be reached; the command was not sent" };
const LOST = { error: "ERR the connection to Redis was lost; the command may have run" };

describe("while Redis is away", () => {
  it("reports it immediately in every form of request, and recovers by itself", async ({
    expect,
  }) => {
    const { redisServer, gateway, logged } = await setUp();
    expect(await call(gateway, "/set/k/v")).toEqual([200, { result: "OK" }]);
    const away = logged.next("redis unreachable");
    await redisServer.crash();
    await away;

    const commands = { method: "POST", body: '[["GET","k"],["GET","k"]]' };
    expect(await call(gateway, "/get/k")).toEqual([503, NOT_SENT]);
    expect(await call(gateway, "/pipeline", commands)).toEqual([503, NOT_SENT]);
    expect(await call(gateway, "/multi-exec", commands)).toEqual([503, NOT_SENT]);
    expect(await call(gateway, "/subscribe/c")).toEqual([
      503,
      { error: "ERR Redis cannot be reached; nothing was subscribed" },
    ]);

    const back = logged.next("redis reachable again");
    await redisServer.restart();
    await back;
    expect(await call(gateway, "/get/k")).toEqual([200, { result: null }]);
  });

  it("starts without Redis", async ({ expect }) => {
    const redisServer = await startRedisServer();
    await redisServer.crash();
    const logged = listeningLog();
    const { log } = logged;
    const gateway = await startGateway({ redisUrl: redisServer.url, token: TOKEN, log });
    onTestFinished(async () => {
      await gateway.close();
      await redisServer.stop();
    });
    expect(await call(gateway, "/ping")).toEqual([503, NOT_SENT]);
    const back = logged.next("redis reachable again");
    await redisServer.restart();
    await back;
    expect(await call(gateway, "/ping")).toEqual([200, { result: "PONG" }]);
  });

  it("says that a command may have run if the connection breaks under it", async ({ expect }) => {
    const { redisServer, gateway } = await setUp();
    const redis = new Redis(redisServer.url);
    redis.on("error", () => undefined);
    onTestFinished(() => {
      redis.disconnect();
    });
    await redis.call("CLIENT", "PAUSE", "60000", "WRITE");
    const underWay = call(gateway, "/incr/n");
    while (!(await redis.info("clients")).includes("blocked_clients:1"));
    await redisServer.crash();
    expect(await underWay).toEqual([503, LOST]);
  });

  it("gives up on a Redis that does not answer, and finds it again", async ({ expect }) => {
    const { redisServer, gateway, logged } = await setUp({ redisTimeoutMs: 100 });
    redisServer.pause();
    expect(await call(gateway, "/incr/n")).toEqual([503, LOST]);
    expect(await call(gateway, "/incr/n")).toEqual([503, NOT_SENT]);
    const back = logged.next("redis reachable again");
    redisServer.resume();
    await back;
    expect((await call(gateway, "/get/n"))[0]).toBe(200);
  });

  it("logs one line when it goes and one when it is back", async ({ expect }) => {
    const { redisServer, gateway, logged } = await setUp();
    const away = logged.next("redis unreachable");
    await redisServer.crash();
    await away;
    for (let at = 0; at < 5; at++) await call(gateway, "/ping");
    const back = logged.next("redis reachable again");
    await redisServer.restart();
    await back;
    expect(logged.lines.map((line) => line.split(" {")[0])).toEqual([
      "redis unreachable",
      "redis reachable again",
    ]);
    expect(logged.lines.join()).not.toContain(TOKEN);
  });
});

describe("the program", () => {
  function run(env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    const exited = once(child, "exit") as Promise<[code: number | null, signal: string | null]>;
    const lines: Record<string, unknown>[] = [];
    let changed = () => {
      // Nobody waits yet.
    };
    createInterface(child.stdout).on("line", (line) => {
      lines.push(JSON.parse(line) as Record<string, unknown>);
      changed();
    });
    const listening = new Promise<string>((resolve) => {
      changed = () => {
        const line = lines.find(({ msg }) => msg === "listening");
        if (line !== undefined) resolve(String(line["url"]));
      };
    });
    return { child, exited, lines, listening };
  }

  async function withRedis(): Promise<RedisServer> {
    const redisServer = await startRedisServer();
    onTestFinished(() => redisServer.stop());
    return redisServer;
  }

  it.for(["SIGTERM", "SIGINT"] as const)(
    "says where it listens, serves, and ends cleanly on %s",
    async (signal, { expect }) => {
      const { url: redisUrl } = await withRedis();
      const program = run({ REDIS_URL: redisUrl, UPSTASH_REDIS_REST_TOKEN: TOKEN, PORT: "0" });
      const url = await program.listening;
      expect(await call({ url }, "/ping")).toEqual([200, { result: "PONG" }]);
      const stream = await fetch(`${url}/subscribe/c?_token=${TOKEN}`);
      program.child.kill(signal);
      expect(await stream.text()).toBe("data: subscribe,c,1\n\n");
      expect(await program.exited).toEqual([0, null]);
      expect(JSON.stringify(program.lines)).not.toContain(TOKEN);
    },
  );

  it("ends just as cleanly while Redis is away", async ({ expect }) => {
    const redisServer = await withRedis();
    await redisServer.crash();
    const env = { REDIS_URL: redisServer.url, UPSTASH_REDIS_REST_TOKEN: TOKEN, PORT: "0" };
    const program = run(env);
    await program.listening;
    program.child.kill("SIGTERM");
    expect(await program.exited).toEqual([0, null]);
  });

  it("does not start without a token, and says what to do", async ({ expect }) => {
    const program = run({});
    expect(await program.exited).toEqual([1, null]);
    expect(program.lines).toMatchObject([
      { msg: expect.stringContaining("UPSTASH_REDIS_REST_TOKEN must be set") as string },
    ]);
  });

  it("does not start on a port in use", async ({ expect }) => {
    const { url: redisUrl } = await withRedis();
    const env = { REDIS_URL: redisUrl, UPSTASH_REDIS_REST_TOKEN: TOKEN, PORT: "0" };
    const { port } = new URL(await run(env).listening);
    const second = run({ ...env, PORT: port });
    expect(await second.exited).toEqual([1, null]);
    expect(second.lines.at(-1)).toMatchObject({ msg: expect.stringContaining("port") as string });
  });
});
