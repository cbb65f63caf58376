import { afterAll, beforeAll, describe, test } from "vitest";
import { listenRaw, publishRaw } from "../../support/foreign-slave.ts";
import { job } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

const envelope = {
  v: 1,
  queue: "default",
  node: "1",
  token: "1-0.1",
  attempt: 1,
  id: "x",
  name: "echo",
};
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const deep = (depth: number) =>
  JSON.stringify(envelope).replace("}", `,"payload":${nested(depth)}}`);

const unreadable: Readonly<Record<string, string | Buffer>> = {
  "malformed JSON": '{"v":1,',
  "an empty message": "",
  "bytes that are not UTF-8": Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
  "another version": JSON.stringify({ ...envelope, v: 2 }),
  "no version": JSON.stringify({ ...envelope, v: undefined }),
  "a number that is no id": "1 2",
  "an empty array": "[]",
  "an array of other things": '[1,"a",null]',
  null: "null ",
  "a string": '"text with spaces"',
  "a missing token": JSON.stringify({ ...envelope, token: undefined }),
  "an attempt that is no number": JSON.stringify({ ...envelope, attempt: "1" }),
  "attempts that are no number": JSON.stringify({ ...envelope, attempts: "3" }),
  "a time-out that is no number": JSON.stringify({ ...envelope, timeoutMs: {} }),
  "an unknown back-off": JSON.stringify({ ...envelope, backoff: { kind: "other" } }),
  "a back-off without delays": JSON.stringify({
    ...envelope,
    name: "nobody",
    backoff: { kind: "list" },
  }),
  "an id with a space": JSON.stringify({ ...envelope, id: "x 1-0.1" }),
  "a queue that is not served": JSON.stringify({ ...envelope, queue: "other" }),
  "another node's job": JSON.stringify({ ...envelope, node: "2" }),
  "deep nesting alone": nested(100_000),
  "8 MiB of one letter with a space": `${"x".repeat(8 * 1_048_576)} `,
  "a prototype": '{"__proto__":{"v":1}}',
};

describe("a message that says falsely that another process has the node", () => {
  test("stops no node, and what arrives meanwhile is run", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await using master = await publishRaw(server.port);
    const forged = '{"v":1,"queue":"default","joined":"9999999999999999"}';
    for (let round = 1; round <= 5; round++) {
      await master.publish("CHANNEL_DISPATCH_1", forged);
      await bench.ledger.dispatch([job(`job${round}`)]);
      expect((await bench.ended(`job${round}`)).state).toBe("succeeded");
    }
    await running.event("attempt:ended", { count: 5 });
    expect(running.seen("superseded")).toEqual([]);
    expect(running.seen("attempt:started")).toHaveLength(5);
    expect(await bench.problems()).toEqual([]);
  });
});

describe("a message that cannot be read", () => {
  test.for(Object.entries(unreadable))(
    "is kept in the dead letters: %s",
    async ([, message], { expect }) => {
      await using bench = await openRealLedger(server.url);
      await using running = await runSubscriber({ url: server.url });
      await using master = await publishRaw(server.port);
      expect(await master.publish("CHANNEL_DISPATCH_1", message)).toBe(1);
      const [seen] = await running.event("message:unreadable");
      expect(seen).toMatchObject({ channel: "CHANNEL_DISPATCH_1" });
      expect(seen?.reason).toMatch(/^expected /);
      await until(async () => (await bench.redis.xlen("signalbox:dead-letters")) === 1, {
        or: "the dead letter",
      });
      const [letter] = await bench.redis.xrange("signalbox:dead-letters", "-", "+");
      const fields = letter?.[1] ?? [];
      const value = (name: string) => fields[fields.indexOf(name) + 1] ?? "";
      const bytes = Buffer.from(message);
      expect(value("bytes")).toBe(String(bytes.length));
      expect(Buffer.from(value("base64"), "base64")).toEqual(bytes.subarray(0, 2_048));
      // And the listener goes on.
      await bench.ledger.dispatch([job("after")]);
      expect((await bench.ended("after")).state).toBe("succeeded");
      expect(running.seen("message:unreadable")).toHaveLength(1);
    },
  );

  test("on the result channel is kept too, and does no harm", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await using slave = await publishRaw(server.port);
    const garbage = [
      '{"v":1,',
      "[]",
      "a b",
      '{"v":2,"id":"x"}',
      nested(50_000),
      Buffer.from([0xc0, 0x80]),
    ];
    for (const each of garbage) await slave.publish("CHANNEL_RESULT", each);
    await slave.publish("CHANNEL_RESULT", "no-such-job");
    await slave.publish(
      "CHANNEL_RESULT",
      JSON.stringify({ ...envelope, queue: "{a} b", id: "c d" }),
    );
    await running.event("message:unreadable", { count: garbage.length });
    await bench.ledger.dispatch([job("after")]);
    expect((await bench.ended("after")).state).toBe("succeeded");
    expect(await bench.problems()).toEqual([]);
  });

  test("on the result channel is kept too, even if it begins like a result", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await using slave = await publishRaw(server.port);
    await slave.publish("CHANNEL_RESULT", '{"v":1,"id":');
    await slave.publish("CHANNEL_RESULT", '[{"v":1,"id":"x"},5]');
    await slave.publish("CHANNEL_RESULT", "a marker");
    const kept = await running.event("message:unreadable", {
      where: ({ sample }) => sample === "a marker",
    });
    expect(kept).toHaveLength(1);
    expect(running.seen("message:unreadable")).toHaveLength(3);
    expect(await bench.problems()).toEqual([]);
  });

  test("ten thousand times leaves about a thousand dead letters", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await using master = await publishRaw(server.port);
    const sent = [];
    for (let at = 0; at < 10_000; at++) sent.push(master.publish("CHANNEL_DISPATCH_1", `{ ${at}`));
    await Promise.all(sent);
    await running.event("message:unreadable", { count: 10_000 });
    await bench.ledger.dispatch([job("after")]);
    await bench.ended("after");
    const kept = await bench.redis.xlen("signalbox:dead-letters");
    expect(kept).toBeGreaterThanOrEqual(1_000);
    expect(kept).toBeLessThan(1_200);
  });

  test("in a batch beside one that can be read is the only one kept", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await using master = await publishRaw(server.port);
    const batch = [envelope, { ...envelope, queue: "other" }, { ...envelope, id: "y" }];
    await master.publish("CHANNEL_DISPATCH_1", JSON.stringify(batch));
    await running.event("attempt:ended", { count: 2 });
    await running.event("message:unreadable");
    // Nobody has dispatched these jobs: they hold no lease, and the ledger refuses their outcomes.
    await running.event("attempt:fenced", { count: 2 });
    expect((await bench.state()).jobs).toEqual({});
    expect(await bench.problems()).toEqual([]);
  });
});

describe("an unusual message that can be read", () => {
  test("is run: payload nested 100,000 deep", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await using master = await publishRaw(server.port);
    await master.publish("CHANNEL_DISPATCH_1", deep(100_000));
    await running.event("attempt:ended");
    await bench.ledger.dispatch([job("after")]);
    expect((await bench.ended("after")).state).toBe("succeeded");
  });

  test("is run once if it comes six times", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    await using running = await runSubscriber({ url: server.url, handlers: { echo: () => gate } });
    await using tap = await listenRaw(server.port, ["CHANNEL_DISPATCH_1"]);
    await using master = await publishRaw(server.port);
    await bench.ledger.dispatch([job("once")]);
    await until(() => tap.heard.length === 1, { or: "the envelope" });
    for (let at = 0; at < 5; at++) await master.publish("CHANNEL_DISPATCH_1", tap.heard[0] ?? "");
    await master.publish("CHANNEL_DISPATCH_1", "a marker");
    await running.event("message:unreadable");
    release();
    await bench.ended("once");
    expect(running.seen("attempt:started")).toHaveLength(1);
    expect(await bench.problems()).toEqual([]);
  });
});
