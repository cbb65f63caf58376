/** The official client against the gateway, with every combination of its options. */
import { Redis } from "@upstash/redis";
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

const SETTINGS = ([false, "base64"] as const).flatMap((responseEncoding) =>
  [false, true].flatMap((automaticDeserialization) =>
    [false, true].map((enableAutoPipelining) => ({
      responseEncoding,
      automaticDeserialization,
      enableAutoPipelining,
    })),
  ),
);

/** Texts that one of the encodings could mistake for something else. */
const TRICKY = [
  "plain",
  "",
  "OK",
  "null",
  "true",
  "123",
  "1e3",
  "9007199254740993",
  '"quoted"',
  '{"a":[1,null]}',
  "[1,2",
  "aGVsbG8=",
  "T0s=",
  "AAAA",
  "a\r\nb\0c",
  "ünï 🦊 \u2028",
  "%41+/?&=",
];

describe.for(SETTINGS)("the client with %o", (settings) => {
  let client: Redis;
  let parsed: (text: string) => unknown;

  beforeEach(async () => {
    client = new Redis({ url: gateway.url, token: TOKEN, enableTelemetry: false, ...settings });
    // The client parses a reply as JSON where possible, except numbers that it would round.
    parsed = (text) => {
      if (!settings.automaticDeserialization) return text;
      try {
        const value: unknown = JSON.parse(text);
        return typeof value === "number" && String(value) !== text ? text : value;
      } catch {
        return text;
      }
    };
    await client.flushall();
  });

  it("gets back what it set", async ({ expect }) => {
    for (const text of TRICKY) {
      expect(await client.set("k", text)).toBe("OK");
      expect(await client.get("k")).toEqual(parsed(text));
    }
    expect(await client.get("absent")).toBeNull();
  });

  it("gets back what it set when strings come in arrays", async ({ expect }) => {
    await client.mset(Object.fromEntries(TRICKY.map((text, at) => [`k${at}`, text])));
    const keys = TRICKY.map((_text, at) => `k${at}`);
    expect(await client.mget(...keys, "absent")).toEqual([...TRICKY.map(parsed), null]);
  });

  it("reads lists, hashes and sorted sets", async ({ expect }) => {
    await client.rpush("l", "a", "b", "OK");
    expect(await client.lrange("l", 0, -1)).toEqual(["a", "b", "OK"]);
    await client.hset("h", { name: "ünï", note: "x y" });
    expect(await client.hget("h", "name")).toBe("ünï");
    expect(await client.hmget("h", "note", "absent")).toEqual(
      settings.automaticDeserialization ? { note: "x y", absent: null } : ["x y", null],
    );
    await client.zadd("z", { score: 1.5, member: "m" }, { score: 2, member: "n" });
    expect(await client.zscore("z", "m")).toEqual(parsed("1.5"));
    expect(await client.zrange("z", 0, -1, { withScores: true })).toEqual(
      ["m", "1.5", "n", "2"].map(parsed),
    );
    const [cursor, keys] = await client.scan(0, { count: 100 });
    expect(cursor).toBe("0");
    expect(keys.sort()).toEqual(["h", "l", "z"]);
  });

  it("counts, and is told of errors by their text", async ({ expect }) => {
    expect(await client.incrby("n", 41)).toBe(41);
    expect(await client.incr("n")).toBe(42);
    await client.set("s", "text");
    await expect(client.incr("s")).rejects.toThrow("ERR value is not an integer or out of range");
    await expect(client.lpush("s", "x")).rejects.toThrow("WRONGTYPE");
    await expect(client.exec(["BLPOP", "l", 0])).rejects.toThrow("not allowed in REST");
    await expect(client.exec(["NOSUCH"])).rejects.toThrow("Command is not available: 'NOSUCH'");
  });

  it("runs scripts with nested replies, by text and by digest", async ({ expect }) => {
    const lua = `return {1, "two", {KEYS[1], {ARGV[1], false}}, redis.status_reply("OK")}`;
    const reply = [1, "two", ["key", ["argument", null]], "OK"];
    expect(await client.eval(lua, ["key"], ["argument"])).toEqual(reply);
    const sha = await client.scriptLoad(lua);
    expect(await client.evalsha(sha, ["key"], ["argument"])).toEqual(reply);
    await client.scriptFlush();
    await expect(client.evalsha(sha, [], [])).rejects.toThrow("NOSCRIPT");
    expect(await client.createScript(lua).exec(["key"], ["argument"])).toEqual(reply);
    await expect(client.eval("return redis.error_reply('MINE no')", [], [])).rejects.toThrow(
      "MINE no",
    );
  });

  it("loads and calls functions", async ({ expect }) => {
    const code = `#!lua name=mylib
      redis.register_function('echo', function(keys, args) return {keys[1], args[1]} end)`;
    expect(await client.functions.load({ code, replace: true })).toBe("mylib");
    expect(await client.functions.call("echo", ["k"], ["v"])).toEqual(["k", "v"]);
    expect(await client.functions.delete("mylib")).toBe("OK");
  });

  it("writes and reads streams", async ({ expect }) => {
    const id = await client.xadd("s", "*", { field: "value", other: "OK" });
    const range = await client.xrange("s", "-", "+");
    const fields = ["field", "value", "other", "OK"];
    expect(range).toEqual(
      settings.automaticDeserialization
        ? { [id]: { field: "value", other: "OK" } }
        : [[id, fields]],
    );
    expect(await client.xgroup("s", { type: "CREATE", group: "g", id: "0" })).toBe("OK");
    expect(await client.xreadgroup("g", "c", "s", ">")).toEqual([["s", [[id, fields]]]]);
    expect(await client.xreadgroup("g", "c", "s", ">")).toBeNull();
    expect(await client.xack("s", "g", id)).toBe(1);
  });

  it("runs a pipeline, where one error does not keep the rest from running", async ({ expect }) => {
    const pipeline = client.pipeline().set("a", "1x").incr("a").set("b", "OK").mget("a", "b");
    expect(await pipeline.exec({ keepErrors: true })).toMatchObject([
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { result: "OK" },
      { result: ["1x", "OK"] },
    ]);
    await expect(client.pipeline().incr("a").exec()).rejects.toThrow("Command 1 [ incr ] failed");
  });

  it("runs a transaction, and none of it if Redis refuses a part of it", async ({ expect }) => {
    expect(await client.multi().set("a", "x").get("a").incr("n").exec()).toEqual(["OK", "x", 1]);
    await expect(client.multi().set("a", "y").exec()).resolves.toEqual(["OK"]);
    const broken = client.multi();
    broken.set("a", "z");
    broken.mget();
    await expect(broken.exec()).rejects.toThrow(/EXECABORT.*wrong number of arguments/);
    expect(await client.get("a")).toBe("y");
  });

  it("answers many concurrent calls, each with its own reply", async ({ expect }) => {
    const numbers = Array.from({ length: 200 }, (_, at) => at);
    await Promise.all(numbers.map((at) => client.set(`k${at}`, `v${at}`)));
    const values = await Promise.all(numbers.map((at) => client.get(`k${at}`)));
    expect(values).toEqual(numbers.map((at) => `v${at}`));
  });

  it("takes a value of several megabytes", async ({ expect }) => {
    const large = "ü🦊".repeat(500_000);
    await client.set("large", large);
    expect(await client.get("large")).toBe(large);
  });
});

describe("the client's read-your-writes token", () => {
  it("changes with every answer", async ({ expect }) => {
    const client = new Redis({ url: gateway.url, token: TOKEN, enableTelemetry: false });
    await client.set("k", "v");
    const first = client.readYourWritesSyncToken;
    await client.set("k", "v");
    expect(first).not.toBe("");
    expect(client.readYourWritesSyncToken).not.toBe(first);
  });
});
