/** What one caller may cost the gateway: nesting, commands, connections, replies. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Redis } from "ioredis";
import { beforeAll, describe, it, onTestFinished } from "vitest";
import { admitConnections } from "../../../gateway/admission.ts";
import { MAX_COMMANDS, MAX_VALUES } from "../../../gateway/command.ts";
import { MAX_REPLY_BYTES } from "../../../gateway/redis.ts";
import { type Gateway, startGateway } from "../../../gateway/server.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";

const token = "a-token-for-the-tests";
let server: RedisServer;
let gateway: Gateway;
beforeAll(async () => {
  server = await startRedisServer();
  gateway = await startGateway({ redisUrl: server.url, token });
  return async () => {
    await gateway.close();
    await server.stop();
  };
});

async function post(path: string, body: string): Promise<readonly [number, string]> {
  const response = await fetch(`${gateway.url}${path}?_token=${token}`, { method: "POST", body });
  return [response.status, await response.text()];
}

const size = 4_900_000;

describe("a body", () => {
  it.for([
    ["nested arrays", "[".repeat(size)],
    ["nested arrays that end", "[".repeat(size / 2) + "]".repeat(size / 2)],
    ["nested objects", '{"a":'.repeat(size / 5)],
    ["nesting after a string of brackets", `["[[[\\"[[[",${"[".repeat(size)}`],
    ["nesting in a later command", `[["PING"],["SET",${"[".repeat(size)}`],
  ] as const)("of %s is refused before it is parsed", async ([, body], { expect }) => {
    for (const path of ["/", "/pipeline", "/multi-exec"]) {
      expect(await post(path, body)).toMatchObject([400, expect.stringContaining("nested deeper")]);
    }
  });

  it("may have strings full of brackets, quotes and backslashes", async ({ expect }) => {
    for (const value of [
      "[".repeat(1_000),
      "{[,".repeat(100),
      '\\"[[[[[[[[[[[',
      "\\\\\\",
      '"',
      "",
    ]) {
      expect(await post("/", JSON.stringify(["ECHO", value]))).toEqual([
        200,
        JSON.stringify({ result: value }),
      ]);
    }
  });

  it.for([
    ["/pipeline", `[${'["PING"],'.repeat(500_000)}["PING"]]`],
    ["/pipeline", `[${"[],".repeat(1_000_000)}[]]`],
    ["/", `["SADD","s",${"1,".repeat(2_000_000)}1]`],
    ["/multi-exec", JSON.stringify(Array.from({ length: MAX_COMMANDS + 1 }, () => ["PING"]))],
  ] as const)(
    "of too many commands or values at %s is refused",
    async ([path, body], { expect }) => {
      expect(await post(path, body)).toMatchObject([413, expect.stringContaining("ERR too many")]);
    },
  );

  it("may have as many of them as are allowed", async ({ expect }) => {
    const commands = Array.from({ length: MAX_COMMANDS }, () => ["PING"]);
    const [status, text] = await post("/pipeline", JSON.stringify(commands));
    expect([status, (JSON.parse(text) as unknown[]).length]).toEqual([200, MAX_COMMANDS]);
    const members = Array.from({ length: MAX_VALUES - 2 }, (_, at) => at % 10);
    expect(await post("/", JSON.stringify(["SADD", "s", ...members]))).toEqual([
      200,
      '{"result":10}',
    ]);
  });
});

describe("a connection", () => {
  it("that has not shown the token gives way to a new one", async ({ expect }) => {
    const { createServer } = await import("node:http");
    const admitting = createServer((request, response) => {
      if (request.url === "/token") admission.trust(request.socket);
      response.end("ok");
    });
    const admission = admitConnections(admitting, 3);
    admitting.listen(0, "127.0.0.1");
    await once(admitting, "listening");
    onTestFinished(() => {
      admitting.closeAllConnections();
      admitting.close();
    });
    const { port } = admitting.address() as { readonly port: number };
    const open = async (): Promise<Socket> => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      onTestFinished(() => {
        socket.destroy();
      });
      await once(socket, "connect");
      return socket;
    };
    const ask = async (socket: Socket, path: string) => {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      await once(socket, "data");
    };
    const trusted = await open();
    await ask(trusted, "/token");
    const silent = [await open(), await open()];
    const ended = silent.map((socket) => once(socket, "close"));
    const next = await open();
    await ended[0];
    await ask(next, "/token");
    const another = await open();
    await ended[1];
    await ask(another, "/token");
    // All that are left have shown it: a further one is ended, and they go on.
    await once(await open(), "close");
    for (const socket of [trusted, next, another]) await ask(socket, "/token");
    expect(silent.every(({ destroyed }) => destroyed)).toBe(true);
  });
});

describe("a large reply", () => {
  it("does not cost other callers their answers", async ({ expect }) => {
    const redis = new Redis(server.url);
    await redis.set("large", Buffer.alloc(100 * 1024 * 1024, "x"));
    redis.disconnect();
    const get = (path: string) => fetch(`${gateway.url}${path}?_token=${token}`);
    const large = Promise.all(["/get/large", "/mget/large/large", "/get/large"].map(get));
    const small = [];
    for (let at = 0; at < 20; at++) small.push((await get("/ping")).status);
    expect(new Set(small)).toEqual(new Set([200]));
    for (const response of await large) {
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("ERR the reply is too large");
    }
  }, 60_000);

  it("of just the limit comes whole", async ({ expect }) => {
    const value = Buffer.alloc(MAX_REPLY_BYTES, "x");
    const redis = new Redis(server.url);
    await redis.set("limit", value);
    redis.disconnect();
    const response = await fetch(`${gateway.url}/get/limit?_token=${token}`);
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBe(value.length + '{"result":""}'.length);
  }, 60_000);

  it("that keeps the process busy for longer than Redis may take is no silence of Redis", async ({
    expect,
  }) => {
    const other = await startGateway({ redisUrl: server.url, token, redisTimeoutMs: 100 });
    onTestFinished(() => other.close());
    const ask = () => fetch(`${other.url}/ping?_token=${token}`);
    await (await ask()).text();
    const asked = Array.from({ length: 5 }, ask);
    // As encoding does, but for certain: this process is the gateway's.
    const busyUntil = performance.now() + 400;
    setImmediate(() => {
      while (performance.now() < busyUntil);
    });
    for (const response of await Promise.all(asked)) expect(response.status).toBe(200);
  });
});
