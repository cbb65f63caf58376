/** The HTTP interface: forms of a request, statuses, errors and limits. */
import fc from "fast-check";
import { beforeAll, beforeEach, describe, it } from "vitest";
import { type Gateway, startGateway } from "../../../gateway/server.ts";
import { startRedisServer } from "../../support/redis-server.ts";

const TOKEN = "a-token-for-the-tests";
const MAX_BODY_BYTES = 64 * 1024;

let gateway: Gateway;

beforeAll(async () => {
  const redisServer = await startRedisServer();
  gateway = await startGateway({
    redisUrl: redisServer.url,
    token: TOKEN,
    maxBodyBytes: MAX_BODY_BYTES,
  });
  return async () => {
    await gateway.close();
    await redisServer.stop();
  };
});
beforeEach(async () => {
  await call("/flushall");
});

type Init = Omit<RequestInit, "headers"> & { readonly headers?: Record<string, string> };

function request(path: string, init: Init = {}): Promise<Response> {
  return fetch(gateway.url + path, {
    ...init,
    headers: { authorization: `Bearer ${TOKEN}`, ...init.headers },
  });
}

/** Status and body; a body that is not JSON stays text. */
async function call(path: string, init?: Init): Promise<[status: number, body: unknown]> {
  const response = await request(path, init);
  const text = await response.text();
  return [response.status, text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text];
}

const post = (path: string, value: unknown, headers: Record<string, string> = {}) =>
  call(path, { method: "POST", body: JSON.stringify(value), headers });

describe("a command", () => {
  it("comes in a path, in any case of its name", async ({ expect }) => {
    expect(await call("/set/foo/bar")).toEqual([200, { result: "OK" }]);
    expect(await call("/GeT/foo")).toEqual([200, { result: "bar" }]);
    expect(await call("/mget/foo/none")).toEqual([200, { result: ["bar", null] }]);
    expect(await call("/set/a%2Fb/c%20d%F0%9F%A6%8A")).toEqual([200, { result: "OK" }]);
    expect(await call("/get/a%2Fb")).toEqual([200, { result: "c d🦊" }]);
  });

  it("comes with GET, POST, PUT and HEAD, where HEAD gets no body", async ({ expect }) => {
    for (const method of ["GET", "POST", "PUT"]) {
      expect(await call("/incr/n", { method })).toMatchObject([200, {}]);
    }
    expect(await call("/incr/n", { method: "HEAD" })).toEqual([200, ""]);
    expect(await call("/get/n")).toEqual([200, { result: "4" }]);
  });

  it("comes as JSON in a body", async ({ expect }) => {
    expect(await post("/", ["SET", "foo", "bar", "EX", 100])).toEqual([200, { result: "OK" }]);
    expect(await post("/", ["ttl", "foo"])).toEqual([200, { result: 100 }]);
    expect(await post("/", ["RPUSH", "l", true, 1.5, "x"])).toEqual([200, { result: 3 }]);
    expect(await call("/lrange/l/0/-1")).toEqual([200, { result: ["true", "1.5", "x"] }]);
  });

  it("takes a body as its last argument, byte for byte", async ({ expect }) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(await call("/set/k", { method: "POST", body: bytes })).toEqual([200, { result: "OK" }]);
    const headers = { "upstash-encoding": "base64" };
    expect(await call("/get/k", { headers })).toEqual([
      200,
      { result: Buffer.from(bytes).toString("base64") },
    ]);
    expect(await call("/getrange/k/128/128")).toEqual([200, { result: "\ufffd" }]);
  });

  it("takes query parameters after the body", async ({ expect }) => {
    const body = '{"a":1}';
    expect(await call("/set/k?EX=100&NX", { method: "POST", body })).toEqual([
      200,
      { result: "OK" },
    ]);
    expect(await call("/get/k")).toEqual([200, { result: body }]);
    expect(await call("/ttl/k")).toEqual([200, { result: 100 }]);
    expect(await call("/set/k/other?NX")).toEqual([200, { result: null }]);
  });

  it("keeps every digit of an integer, both ways", async ({ expect }) => {
    const response = await request("/", {
      method: "POST",
      body: '["INCRBY","n",9007199254740993]',
    });
    expect(await response.text()).toBe('{"result":9007199254740993}');
  });

  it("can have a hundred thousand arguments or a path of many kilobytes", async ({ expect }) => {
    const members = Array.from({ length: 15_000 }, (_, at) => at % 10);
    expect(await post("/", ["SADD", "s", ...members])).toEqual([200, { result: 10 }]);
    expect(await call(`/set/k/${"v".repeat(40_000)}`)).toEqual([200, { result: "OK" }]);
  });
});

describe("any bytes", () => {
  const headers = { "upstash-encoding": "base64" };

  it("come back as they were sent in a path, a query and a body", async ({ expect }) => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 });
    // No client can send . or .. as a part of a path, escaped or not: URLs resolve them.
    const segment = bytes.filter((part) => !/^\.\.?$/.test(Buffer.from(part).toString("latin1")));
    await fc.assert(
      fc.asyncProperty(segment, bytes, bytes, async (path, body, query) => {
        const escaped = (part: Uint8Array) =>
          Array.from(part, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
        const target = `/eval/return%20ARGV/0/${escaped(path)}?${escaped(query)}`;
        expect(
          await call(target, { method: "POST", body: Uint8Array.from(body), headers }),
        ).toEqual([
          200,
          { result: [path, body, query].map((part) => Buffer.from(part).toString("base64")) },
        ]);
      }),
    );
  });

  it("come back as they were sent when they are text in JSON", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "binary" })), async (texts) => {
        expect(await post("/", ["EVAL", "return ARGV", 0, ...texts])).toEqual([
          200,
          { result: texts },
        ]);
      }),
    );
  });
});

describe("the token", () => {
  it("may be in the query, where it is no argument", async ({ expect }) => {
    const response = await fetch(`${gateway.url}/set/k/v?_token=${TOKEN}&EX=100`);
    expect(await response.json()).toEqual({ result: "OK" });
    expect(await call("/ttl/k")).toEqual([200, { result: 100 }]);
  });

  it.for([
    ["missing", "/ping", {}],
    ["wrong", "/ping", { authorization: "Bearer a-token-for-the-test" }],
    ["wrong in the query", "/ping?_token=x", { authorization: `Bearer ${TOKEN}` }],
    ["missing for a stream", "/subscribe/c", {}],
    ["missing for a pipeline", "/pipeline", {}],
  ] as const)("is refused with 401 when %s", async ([, path, headers], { expect }) => {
    const response = await fetch(gateway.url + path, { headers });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: "WRONGPASS invalid or missing auth token" });
  });
});

describe("an error", () => {
  it.for([
    ["/get", "ERR wrong number of arguments for 'get' command"],
    ["/nosuch/secret", "ERR Command is not available: 'NOSUCH'"],
    ["/incrby/n/x", "ERR value is not an integer or out of range"],
    ["/blpop/l/0", 'ERR Command "BLPOP" is not allowed in REST'],
    ["/monitor", 'ERR Command "MONITOR" is not allowed in REST'],
    ["/get/%zz", "ERR invalid URL escape"],
    ["/subscribe", "ERR wrong number of arguments for 'subscribe'"],
    ["/psubscribe/h?llo", "ERR a question mark in a channel or pattern is written %3F"],
    ["/", "ERR empty command"],
  ])("is a 400 that says what is wrong with %s", async ([path = "", message], { expect }) => {
    const [status, body] = await call(path);
    expect(status).toBe(400);
    expect(body).toEqual({ error: expect.stringContaining(message ?? "") as string });
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  it("is a 400 for a body that is not a command", async ({ expect }) => {
    for (const body of ["{}", "[]", "[[]]", '["GET",null]', '["GET"', "not json"]) {
      expect(await call("/", { method: "POST", body })).toMatchObject([400, {}]);
      expect(await call("/pipeline", { method: "POST", body })).toMatchObject([400, {}]);
      expect(await call("/multi-exec", { method: "POST", body })).toMatchObject([400, {}]);
    }
  });

  it("is a 405 for other methods, which names those that are allowed", async ({ expect }) => {
    for (const method of ["DELETE", "PATCH", "OPTIONS"]) {
      const response = await request("/get/k", { method });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("HEAD, GET, POST, PUT");
      expect(await response.json()).toHaveProperty("error");
    }
  });

  it("is a 400 for a format that does not exist", async ({ expect }) => {
    for (const headers of [
      { "upstash-response-format": "xml" },
      { "upstash-encoding": "gzip" },
      { "upstash-response-format": "resp2", "upstash-encoding": "base64" },
    ]) {
      expect(await call("/ping", { headers })).toMatchObject([400, {}]);
    }
  });
});

describe("a body over the limit", () => {
  const large = "x".repeat(MAX_BODY_BYTES + 1);

  it("is a 413 when its length is announced", async ({ expect }) => {
    const [status, body] = await call("/set/k", { method: "POST", body: large });
    expect([status, body]).toEqual([
      413,
      {
        error: `ERR max request size exceeded. Limit: ${MAX_BODY_BYTES} bytes, Actual: ${large.length} bytes`,
      },
    ]);
  });

  it("is a 413 when it comes in chunks", async ({ expect }) => {
    const body = new Blob([large, large]).stream();
    const init = { method: "POST", body, duplex: "half" } as Init;
    expect(await call("/set/k", init)).toMatchObject([413, {}]);
    expect(await call("/exists/k")).toEqual([200, { result: 0 }]);
  });

  it("is taken when it is just as large as the limit", async ({ expect }) => {
    const body = large.slice(1);
    expect(await call("/set/k", { method: "POST", body })).toEqual([200, { result: "OK" }]);
    expect(await call("/strlen/k")).toEqual([200, { result: MAX_BODY_BYTES }]);
  });
});

describe("RESP2", () => {
  const headers = { "upstash-response-format": "resp2" };

  it("is what a client would read from the socket", async ({ expect }) => {
    const response = await request("/set/k/ü", { headers });
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect(await response.text()).toBe("+OK\r\n");
    expect(await call("/get/k", { headers })).toEqual([200, "$2\r\nü\r\n"]);
    expect(await call("/mget/k/none", { headers })).toEqual([200, "*2\r\n$2\r\nü\r\n$-1\r\n"]);
    expect(await call("/incr/k", { headers })).toEqual([
      400,
      "-ERR value is not an integer or out of range\r\n",
    ]);
  });

  it("is one reply after the other for a pipeline, and never for a transaction", async ({
    expect,
  }) => {
    const commands = [
      ["SET", "n", 1],
      ["LPOP", "n"],
      ["INCR", "n"],
    ];
    expect(await post("/pipeline", commands, headers)).toEqual([
      200,
      "+OK\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n:2\r\n",
    ]);
    expect(await post("/multi-exec", [["GET", "n"]], headers)).toEqual([200, [{ result: "2" }]]);
  });
});

describe("the sync token", () => {
  it("is another one with every answer", async ({ expect }) => {
    const tokens = [await request("/ping"), await request("/ping")].map((response) =>
      response.headers.get("upstash-sync-token"),
    );
    expect(new Set(tokens).size).toBe(2);
    expect(tokens).not.toContain(null);
  });
});
