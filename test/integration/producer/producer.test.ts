import { afterAll, beforeAll, describe, test } from "vitest";
import { createProducer } from "../../../producer/index.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { urlAs } from "../../support/redis-users.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

/** An empty ledger, a subscriber of node 1, and a producer. */
async function open() {
  const bench = await openRealLedger(server.url);
  const running = await runSubscriber({ url: server.url });
  const producer = await createProducer({ redisUrl: urlAs(server.url, "subscriber") });
  return {
    bench,
    producer,
    [Symbol.asyncDispose]: async () => {
      producer.close();
      await running[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

describe("a producer", () => {
  test("dispatches what is asked in one turn in two calls, and hears each end", async ({
    expect,
  }) => {
    await using opened = await open();
    const { producer } = opened;
    const orders = Array.from({ length: 500 }, (_, at) => ({ name: "echo", payload: at }));
    const results = await Promise.all(orders.map((order) => producer.run(order)));
    expect(results.map(({ state, result }) => [state, result])).toEqual(
      orders.map(({ payload }) => ["succeeded", payload]),
    );
    expect(await opened.bench.redis.xlen("signalbox:{default}:index")).toBe(2);
  });

  test("tells a caller of a known id how its job ended", async ({ expect }) => {
    await using opened = await open();
    const { producer } = opened;
    const order = { id: "once", name: "echo", payload: "x" };
    const first = await producer.run(order);
    expect(await producer.run(order)).toEqual(first);
    expect(await producer.dispatch(order)).toMatchObject({ duplicate: true, state: "succeeded" });
    await expect(producer.run({ ...order, payload: "y" })).rejects.toThrow("got other");
  });

  test("waits for the job that holds the deduplication key", async ({ expect }) => {
    await using opened = await open();
    const { producer } = opened;
    const dedupe = { key: "k", windowMs: 60_000, mode: "return" } as const;
    const order = { name: "echo", dedupe, start: { inMs: 50 } };
    const [one, two] = await Promise.all([
      producer.run({ ...order, payload: 1 }),
      producer.run({ ...order, payload: 2 }),
    ]);
    expect([one.result, two.result]).toEqual([1, 1]);
    const reject = { ...dedupe, mode: "reject" } as const;
    await expect(producer.run({ ...order, dedupe: reject })).rejects.toThrow("holds it");
  });

  test("ends a wait when it is told to, and the job goes on", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const producer = await createProducer({ redisUrl: urlAs(server.url, "subscriber") });
    const stop = new AbortController();
    const run = producer.run({ id: "later", name: "echo" }, stop.signal);
    await until(async () => (await bench.ledger.read("default", "later")) !== null, {
      or: "the job to be accepted",
    });
    stop.abort(new Error("enough"));
    await expect(run).rejects.toThrow("enough");
    expect((await bench.ledger.read("default", "later"))?.state).toBe("queued");
    producer.close();
  });

  test("hears of an end that came while it was cut off", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using proxy = await startTcpProxy(server.port);
    const producer = await createProducer({ redisUrl: `redis://127.0.0.1:${proxy.port}` });
    const run = producer.run({ id: "meanwhile", name: "echo", payload: 1 });
    await until(async () => (await bench.ledger.read("default", "meanwhile")) !== null, {
      or: "the job to be accepted",
    });
    proxy.refuse(true);
    proxy.cut();
    await using running = await runSubscriber({ url: server.url });
    await bench.ended("meanwhile");
    expect(running.seen("attempt:ended")).toHaveLength(1);
    proxy.refuse(false);
    expect((await run).result).toBe(1);
    producer.close();
  });

  test("refuses what JSON would change, and times that are none, before it sends anything", async ({
    expect,
  }) => {
    await using opened = await open();
    const { producer, bench } = opened;
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    const orders: [order: object, what: string][] = [
      [{ payload: Number.NaN }, "payload: expected what JSON can carry, got NaN"],
      [{ payload: { n: 1n } }, "payload.n: "],
      [{ payload: loop }, "payload.self: "],
      [{ payload: [new Map()] }, "payload.0: "],
      [{ payload: () => 1 }, "payload: "],
      [{ timeoutMs: 0 }, "timeoutMs: expected a whole number from 1 to 86400000, got 0"],
      [{ timeoutMs: Infinity }, "timeoutMs: "],
      [{ timeoutMs: "5" }, 'timeoutMs: expected a whole number from 1 to 86400000, got "5"'],
      [{ attempts: 0 }, "attempts: "],
      [{ start: { inMs: -1 } }, "start.inMs: "],
      [{ deadline: { atMs: 1.5 } }, "deadline.atMs: "],
      [{ backoff: { kind: "fixed", delayMs: Number.NaN } }, "backoff.delayMs: "],
    ];
    for (const [more, what] of orders) {
      const order = { name: "echo", ...more };
      const error = { code: "invalid_request", message: expect.stringContaining(what) as string };
      await expect(producer.dispatch(order)).rejects.toMatchObject(error);
      await expect(producer.dispatchBatch([{ name: "echo" }, order])).rejects.toMatchObject(error);
      await expect(producer.run(order)).rejects.toMatchObject(error);
    }
    expect(await bench.redis.exists("signalbox:{default}:index")).toBe(0);
  });

  test("is not made with lengths of time that no timer can hold", async ({ expect }) => {
    const redisUrl = urlAs(server.url, "subscriber");
    const timing = { unacknowledgedMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 };
    const cases = [
      { pingMs: 0 },
      { pingMs: Number.NaN },
      { pingMs: 2_592_000_000 },
      { timing: { ...timing, leaseMs: Infinity } },
      { timing: { ...timing, unacknowledgedMs: 1.5 } },
      { timing: { ...timing, foreignMs: "300000" as never } },
    ];
    for (const more of cases) {
      await expect(createProducer({ redisUrl, ...more })).rejects.toMatchObject({
        code: "config_invalid",
        message: /expected a whole number from \d+ to \d+ milliseconds, got /,
      });
    }
  });

  test("says that Redis cannot be reached, at the start and later", async ({ expect }) => {
    const nowhere = createProducer({ redisUrl: "redis://127.0.0.1:1" });
    await expect(nowhere).rejects.toMatchObject({ code: "redis_unavailable" });
    await using proxy = await startTcpProxy(server.port);
    const producer = await createProducer({ redisUrl: `redis://127.0.0.1:${proxy.port}` });
    proxy.refuse(true);
    proxy.cut();
    await expect(producer.dispatch({ name: "echo" })).rejects.toMatchObject({
      code: "redis_unavailable",
    });
    producer.close();
  });
});
