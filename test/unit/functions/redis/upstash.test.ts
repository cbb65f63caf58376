import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { retryOnce } from "../../../../functions/redis/retry-once.ts";
import { createUpstash } from "../../../../functions/redis/upstash.ts";
import { SignalboxError } from "../../../../protocol/error.ts";
import type { Call, RedisPort } from "../../../../protocol/redis/port.ts";

const options = { url: "http://redis.test", token: "the-rest-token", timeoutMs: 1_000 };
const ping: Call = { command: ["PING"] };
const script: Call = { script: { name: "s", lua: "return 1" }, keys: ["k"], args: ["a", "secret"] };

const fetched = vi.fn<typeof fetch>();
beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal("fetch", fetched);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function answer(body: unknown, status = 200): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  fetched.mockImplementation(() => Promise.resolve(new Response(text, { status })));
}

/** One answer for each request, in their order. */
function answerInTurn(...all: readonly unknown[]): void {
  fetched.mockReset();
  for (const body of all) fetched.mockResolvedValueOnce(new Response(JSON.stringify(body)));
}

/** What the requests held. */
function bodies(): readonly unknown[] {
  return fetched.mock.calls.map(([, init]) => JSON.parse(init?.body as string) as unknown);
}

/** What `send` threw. */
async function thrown(calls: readonly Call[] = [script]): Promise<SignalboxError> {
  const error = await createUpstash(options)
    .send(calls)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  if (error instanceof SignalboxError) return error;
  throw new Error("expected a SignalboxError", { cause: error });
}

describe("one request", () => {
  test("for one call, with the command as its body", async ({ expect }) => {
    answer({ result: "PONG" });
    expect(await createUpstash(options).send([script])).toEqual(["PONG"]);
    expect(fetched).toHaveBeenCalledTimes(1);
    const [url, init] = fetched.mock.calls[0] ?? [];
    expect(url).toBe("http://redis.test");
    expect(JSON.parse(init?.body as string)).toEqual(["EVAL", "return 1", "1", "k", "a", "secret"]);
    const headers = new Headers(init?.headers);
    expect(headers.get("authorization")).toBe("Bearer the-rest-token");
    expect([...headers.keys()].filter((name) => /telemetry|encoding/.test(name))).toEqual([]);
  });

  test("for several calls, as a pipeline", async ({ expect }) => {
    answer([{ result: 1 }, { result: null }, { result: [["a", 2], []] }]);
    const replies = await createUpstash(options).send([ping, script, ping]);
    expect(replies).toEqual([1, null, [["a", 2], []]]);
    expect(fetched).toHaveBeenCalledTimes(1);
    expect(fetched.mock.calls[0]?.[0]).toBe("http://redis.test/pipeline");
  });

  test("for several calls of one script, with its text once", async ({ expect }) => {
    answer([{ result: 1 }, { result: 2 }, { result: 3 }]);
    const other: Call = { script: { name: "o", lua: "return 2" }, keys: [], args: [] };
    const replies = await createUpstash(options).send([script, other, script]);
    expect(replies).toEqual([1, 2, 3]);
    const digest = createHash("sha1").update("return 1").digest("hex");
    expect(bodies()).toEqual([
      [
        ["EVAL", "return 1", "1", "k", "a", "secret"],
        ["EVAL", "return 2", "0"],
        ["EVALSHA", digest, "1", "k", "a", "secret"],
      ],
    ]);
  });

  test("for nothing is none", async ({ expect }) => {
    expect(await createUpstash(options).send([])).toEqual([]);
    expect(fetched).not.toHaveBeenCalled();
  });
});

describe("a script that was sent once and is not known", () => {
  const unknown = { error: "NOSCRIPT No matching script. Please use EVAL." };
  const text = ["EVAL", "return 1", "1", "k", "a", "secret"];

  test("is sent with its text, and each reply comes in its place", async ({ expect }) => {
    answerInTurn([{ result: 1 }, unknown, { result: 3 }, unknown], [{ result: 2 }, { result: 4 }]);
    const replies = await createUpstash(options).send([script, script, ping, script]);
    expect(replies).toEqual([1, 2, 3, 4]);
    expect(bodies()[1]).toEqual([text, text]);
    answerInTurn([{ result: 1 }, unknown], { result: 2 });
    expect(await createUpstash(options).send([script, script])).toEqual([1, 2]);
    expect(bodies()[1]).toEqual(text);
  });

  test("has each later request take all texts along", async ({ expect }) => {
    const redis = createUpstash(options);
    answerInTurn([{ result: 1 }, unknown], { result: 2 }, [{ result: 3 }, { result: 4 }]);
    await redis.send([script, script]);
    expect(await redis.send([script, script])).toEqual([3, 4]);
    expect(bodies()[2]).toEqual([text, text]);
  });

  test("is not sent for ever", async ({ expect }) => {
    answerInTurn([{ result: 1 }, unknown], unknown);
    expect(await thrown([script, script])).toMatchObject({ code: "redis_refused" });
    expect(fetched).toHaveBeenCalledTimes(2);
  });
});

test("replies are left as they are", async ({ expect }) => {
  const replies = ["OK", "true", "1", '"x"', "{}", "dGVzdA==", "", "é\u{1F682}", "a\nb"];
  answer({ result: [replies, [replies]] });
  expect(await createUpstash(options).send([ping])).toEqual([[replies, [replies]]]);
});

const cases: readonly (readonly [text: string, code: string])[] = [
  ["ERR wrong number of arguments", "redis_refused"],
  ["WRONGTYPE Operation against a key", "redis_refused"],
  ["WRONGPASS invalid or missing auth token", "redis_refused"],
  ["ERR user_script:1: Script attempted to access LOADING", "redis_refused"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "redis_unavailable"],
  ["ERR Error running script: @user_script:1: -OOM command not allowed", "redis_unavailable"],
  [
    "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -READONLY You can't write.",
    "redis_unavailable",
  ],
  ["UNKILLABLE Sorry the script already executed write commands.", "redis_unavailable"],
  ["MOVED 1 127.0.0.1:1", "redis_unavailable"],
  ["BUSYGROUP Consumer Group name already exists", "redis_refused"],
  ["ERR syntax error near '-READONLY '", "redis_refused"],
  ["NOPERM ACL failure", "redis_refused"],
  ["MISCONF Redis is configured to save RDB snapshots, but it is unable to.", "redis_unavailable"],
  ["NOREPLICAS Not enough good replicas to write.", "redis_unavailable"],
  ["READONLY You can't write against a read only replica.", "redis_unavailable"],
  ["LOADING Redis is loading the dataset in memory", "redis_unavailable"],
  ["MASTERDOWN Link with MASTER is down", "redis_unavailable"],
  ["CLUSTERDOWN The cluster is down", "redis_unavailable"],
  ["ERR max daily request limit exceeded. Limit: 10000", "redis_unavailable"],
  ["ERR Redis cannot be reached; the command was not sent", "redis_unavailable"],
];
describe("an error reply", () => {
  test.for(cases)("%s is %s", async ([text, code], { expect }) => {
    answer({ error: text }, 400);
    expect(await thrown()).toMatchObject({ code });
    answer([{ result: 1 }, { error: text }]);
    expect(await thrown([ping, script])).toMatchObject({ code });
  });

  test("shows neither command nor token", async ({ expect }) => {
    answer({ error: `ERR ${"x".repeat(5_000)}` }, 400);
    const error = await thrown();
    expect(error.message.length).toBeLessThan(400);
    expect(JSON.stringify([error.message, error.cause])).not.toMatch(/secret|the-rest-token|EVAL/);
  });
});

test("no answer, or one of nobody we know, is Redis unavailable", async ({ expect }) => {
  for (const [body, status] of [
    ["<html>Bad gateway</html>", 502],
    ["", 503],
    ["not JSON", 200],
  ] as const) {
    answer(body, status);
    expect(await thrown()).toMatchObject({ code: "redis_unavailable" });
  }
  fetched.mockReset();
  fetched.mockRejectedValue(new TypeError("fetch failed"));
  expect(await thrown()).toMatchObject({ code: "redis_unavailable" });
  expect(fetched).toHaveBeenCalledTimes(1);
});

test("an answer of another form is unexpected", async ({ expect }) => {
  for (const body of [{}, [], null, 1, { result: undefined }]) {
    answer(body);
    expect(await thrown()).toMatchObject({ code: "reply_unexpected" });
  }
  answer([{ result: 1 }]);
  expect(await thrown([ping, ping])).toMatchObject({ code: "reply_unexpected" });
});

describe("repeatOnce", () => {
  const failing = (code: "redis_unavailable" | "redis_refused", times: number) => {
    const send = vi.fn<RedisPort["send"]>(() => {
      if (times-- > 0) return Promise.reject(new SignalboxError(code, "no"));
      return Promise.resolve(["PONG"]);
    });
    const pause = vi.fn(() => Promise.resolve());
    return { send, pause, port: retryOnce({ send }, pause) };
  };

  test("sends the same calls once more where no answer came", async ({ expect }) => {
    const { send, pause, port } = failing("redis_unavailable", 1);
    expect(await port.send([ping])).toEqual(["PONG"]);
    expect(send.mock.calls).toEqual([[[ping]], [[ping]]]);
    expect(pause).toHaveBeenCalledTimes(1);
  });

  test("and no more than once", async ({ expect }) => {
    const { send, port } = failing("redis_unavailable", 9);
    await expect(port.send([ping])).rejects.toMatchObject({ code: "redis_unavailable" });
    expect(send).toHaveBeenCalledTimes(2);
  });

  test("but not what Redis refused", async ({ expect }) => {
    const { send, port } = failing("redis_refused", 1);
    await expect(port.send([ping])).rejects.toMatchObject({ code: "redis_refused" });
    expect(send).toHaveBeenCalledTimes(1);
  });
});
