/** Many commands in one request: pipelines and transactions. */
import { beforeAll, beforeEach, describe, it } from "vitest";
import { type Gateway, startGateway } from "../../../gateway/server.ts";
import { startRedisServer } from "../../support/redis-server.ts";

const TOKEN = "a-token-for-the-tests";

let gateway: Gateway;

beforeAll(async () => {
  const redisServer = await startRedisServer();
  gateway = await startGateway({ redisUrl: redisServer.url, token: TOKEN });
  return async () => {
    await gateway.close();
    await redisServer.stop();
  };
});
beforeEach(async () => {
  await call("/flushall");
});

async function call(path: string, init: RequestInit = {}) {
  const url = `${gateway.url}${path}?_token=${TOKEN}`;
  const response = await fetch(url, init);
  return [response.status, (await response.json()) as unknown] as const;
}

const post = (path: string, value: unknown, headers: Record<string, string> = {}) =>
  call(path, { method: "POST", body: JSON.stringify(value), headers });

describe("a pipeline", () => {
  it("answers each command in its place, those not allowed included", async ({ expect }) => {
    const commands = [["SET", "k", 1], ["BLPOP", "l", 0], ["LPOP", "k"], ["NOSUCH"], ["INCR", "k"]];
    expect(await post("/pipeline", commands)).toEqual([
      200,
      [
        { result: "OK" },
        { error: expect.stringContaining("not allowed in REST") as string },
        { error: expect.stringContaining("WRONGTYPE") as string },
        { error: expect.stringContaining("is not available") as string },
        { result: 2 },
      ],
    ]);
  });

  it("can consist of commands that are not allowed only", async ({ expect }) => {
    expect(await post("/pipeline", [["SELECT", 1]])).toMatchObject([200, [{}]]);
  });

  it("encodes results and not errors", async ({ expect }) => {
    const commands = [
      ["SET", "k", "OK"],
      ["GET", "k"],
      ["MGET", "k"],
      ["INCR", "k"],
    ];
    expect(await post("/pipeline", commands, { "upstash-encoding": "base64" })).toEqual([
      200,
      [
        { result: "OK" },
        { result: "OK" },
        { result: ["T0s="] },
        { error: "ERR value is not an integer or out of range" },
      ],
    ]);
  });
});

describe("a transaction", () => {
  it("answers each command and goes on after one that fails", async ({ expect }) => {
    const commands = [
      ["SET", "k", "x"],
      ["INCR", "k"],
      ["GET", "k"],
    ];
    expect(await post("/multi-exec", commands)).toEqual([
      200,
      [{ result: "OK" }, { error: "ERR value is not an integer or out of range" }, { result: "x" }],
    ]);
  });

  it.for([
    ["is not allowed", ["BLPOP", "l", 0], /not allowed in REST/],
    ["ends it", ["EXEC"], /not allowed in REST/],
    ["does not exist", ["NOSUCH", "secret"], /^EXECABORT.*is not available: 'NOSUCH'/],
    ["lacks an argument", ["GET"], /^EXECABORT.*wrong number of arguments/],
  ] as const)("runs nothing when a command %s", async ([, command, message], { expect }) => {
    const [status, body] = await post("/multi-exec", [["SET", "k", "v"], command]);
    expect([status, body]).toEqual([400, { error: expect.stringMatching(message) as string }]);
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(await call("/exists/k")).toEqual([200, { result: 0 }]);
  });

  it("lets no other request in between", async ({ expect }) => {
    const rounds = Array.from({ length: 100 }, (_, at) => at);
    const others = rounds.map((at) => call(`/set/k/other-${at}`));
    const transactions = rounds.map((at) =>
      post("/multi-exec", [
        ["SET", "k", `mine-${at}`],
        ["APPEND", "k", "!"],
        ["GET", "k"],
      ]),
    );
    const results = await Promise.all(transactions);
    await Promise.all(others);
    expect(results.map(([, body]) => (body as { result: unknown }[])[2])).toEqual(
      rounds.map((at) => ({ result: `mine-${at}!` })),
    );
  });
});
