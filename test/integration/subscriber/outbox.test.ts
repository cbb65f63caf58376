import { afterAll, beforeAll, describe, test } from "vitest";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";
import type { SubscriberEvents } from "../../../subscriber/events.ts";
import { createOutbox } from "../../../subscriber/outcome/outbox.ts";
import { type Delivered, startCallback } from "../../support/callback-server.ts";
import { job, jobs } from "../../support/ledger.ts";
import { openRealLedger, type RealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { spawnSubscriber } from "../../support/subscriber-process.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

const recordIn = (bench: RealLedger) => async (deliveries: readonly Delivered[]) => {
  for (const { queue, entry } of deliveries)
    await bench.maintenance.ack(new Map([[queue, [entry]]]));
};

async function outboxTo({ url, secret }: { url: string; secret: string }) {
  const keys = await importSigningKeys(secret);
  return (events: SubscriberEvents) => createOutbox({ url, keys, events });
}

function createGate() {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  return {
    gate,
    open: () => {
      open();
    },
  };
}

describe("the callback", () => {
  test("gets every result once, signed, and then the outbox is empty", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using callback = await startCallback({ onDeliveries: recordIn(bench) });
    await using running = await runSubscriber({
      url: server.url,
      outbox: await outboxTo(callback),
    });
    const specs = jobs(300, "cb", { payload: "ü\u2028" });
    await bench.ledger.dispatch(specs);
    await until(() => callback.results().length === 300, { or: "300 results" });
    await running.event("attempt:ended", { count: 300 });
    const ids = new Set(callback.results().map(({ id }) => id));
    expect(ids.size).toBe(300);
    expect(callback.results()[0]).toMatchObject({ state: "succeeded", result: "ü\u2028" });
    await until(async () => (await bench.redis.xlen("signalbox:{default}:outbox")) === 0, {
      or: "an empty outbox",
    });
    expect((await bench.ledger.read("default", "cb1"))?.ended?.recorded).toBe(true);
    expect(running.seen("results:refused")).toEqual([]);
  });

  test("is sent no more bytes in a request than it takes", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const sizes: number[] = [];
    await using callback = await startCallback({
      onDeliveries: (deliveries) => {
        sizes.push(Buffer.byteLength(JSON.stringify(deliveries)));
        return recordIn(bench)(deliveries);
      },
    });
    const { gate, open } = createGate();
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_NODES: "1:60" },
      outbox: await outboxTo(callback),
      // Three bytes each in UTF-8, one character in memory.
      handlers: { echo: async () => (await gate, "列".repeat(80_000)) },
    });
    const specs = jobs(60, "wide");
    await bench.ledger.dispatch(specs);
    await running.event("attempt:started", { count: 60 });
    open();
    await until(() => callback.results().length === 60, { or: "60 results" });
    // The function takes 10 MiB.
    expect(Math.max(...sizes)).toBeLessThan(5_000_000);
  });

  test("that answers 500 is tried again until it takes them", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using callback = await startCallback({ onDeliveries: recordIn(bench) });
    await using running = await runSubscriber({
      url: server.url,
      outbox: await outboxTo(callback),
    });
    callback.behave("error");
    await bench.ledger.dispatch([job("a")]);
    const [refused] = await running.event("results:refused", { count: 2 });
    expect(refused?.reason).toBe("HTTP 500: not now");
    expect((await bench.ended("a")).ended?.recorded).toBe(false);
    callback.behave("ok");
    await running.event("results:delivered");
    expect((await bench.ledger.read("default", "a"))?.ended?.recorded).toBe(true);
    const bodies = callback.requests.map(({ deliveries }) => deliveries);
    expect(bodies.every((each) => JSON.stringify(each) === JSON.stringify(bodies[0]))).toBe(true);
  });

  test("whose answer was lost gets them again", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using callback = await startCallback({ onDeliveries: recordIn(bench) });
    await using running = await runSubscriber({
      url: server.url,
      outbox: await outboxTo(callback),
    });
    callback.behave("drop");
    await bench.ledger.dispatch([job("a")]);
    await running.event("results:refused");
    callback.behave("ok");
    await running.event("results:delivered");
    expect(new Set(callback.results().map(({ token }) => token)).size).toBe(1);
    expect(callback.results().length).toBeGreaterThan(1);
  });

  test("that is down leaves the results to the tick", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const callback = await startCallback();
    await callback[Symbol.asyncDispose]();
    await using running = await runSubscriber({
      url: server.url,
      outbox: await outboxTo(callback),
    });
    await bench.ledger.dispatch([job("a")]);
    await running.event("results:refused");
    const [due] = await bench.maintenance.undelivered(["default"], 0, 10);
    const [entry] = due?.value ?? [];
    expect(JSON.parse(entry?.results ?? "")).toMatchObject({ id: "a", state: "succeeded" });
    expect(await bench.maintenance.ack(new Map([["default", [entry?.entry ?? ""]]]))).toBe(1);
    expect((await bench.ledger.read("default", "a"))?.ended?.recorded).toBe(true);
    // Disposal waits for the flush of the outbox; the callback comes back for it.
    await using back = await startCallback({ port: callback.port });
    expect(await running.stop()).toBe("drained");
    expect(back.results().map(({ id }) => id)).toEqual(["a"]);
  });

  test("that is slow gets what ended meanwhile in one request", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    await using callback = await startCallback({ onDeliveries: () => opened });
    await using running = await runSubscriber({
      url: server.url,
      outbox: await outboxTo(callback),
    });
    await bench.ledger.dispatch([job("first")]);
    await callback.came(1);
    const specs = jobs(50, "later");
    await bench.ledger.dispatch(specs);
    await running.event("attempt:ended", { count: 51 });
    await bench.allEnded([job("first"), ...specs]);
    open();
    await until(() => callback.results().length === 51, { or: "51 results" });
    expect(callback.requests).toHaveLength(2);
  });

  test("has everything before a drained process exits", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using callback = await startCallback({ onDeliveries: recordIn(bench) });
    await using child = await spawnSubscriber({
      REDIS_URL: server.url,
      SIGNALBOX_CALLBACK_URL: callback.url,
      SIGNALBOX_SIGNING_SECRET: callback.secret,
    });
    callback.behave("error");
    await bench.ledger.dispatch(jobs(20, "exit"));
    await child.says("results not recorded yet; they stay in the outbox");
    await child.says("attempt succeeded", { count: 20 });
    child.kill("SIGTERM");
    await child.says("draining: taking no more jobs, ending those that run");
    callback.behave("ok");
    expect(await child.exited).toBe(0);
    expect(callback.results()).toHaveLength(20);
    expect(await bench.redis.xlen("signalbox:{default}:outbox")).toBe(0);
  });
});
