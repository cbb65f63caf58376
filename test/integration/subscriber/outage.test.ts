import { afterAll, beforeAll, describe, test } from "vitest";
import { createConnection } from "../../../subscriber/connection/ioredis.ts";
import { commandStats, rested } from "../../support/command-count.ts";
import { job, jobs } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ appendonly: true });
});
afterAll(() => server.stop());

/** A handler that waits until it is told to go on, or to stop. */
function createHold() {
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const reasons: unknown[] = [];
  const hold = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    signal.addEventListener("abort", () => reasons.push(signal.reason));
    await gate;
    return "held";
  };
  return {
    hold,
    release: () => {
      release();
    },
    reasons,
  };
}

describe("Redis that is killed and started again", () => {
  test("gets the node back, with what it runs and what was assigned meanwhile", async ({
    expect,
  }) => {
    await using bench = await openRealLedger(server.url);
    const { hold, release, reasons } = createHold();
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_UNACKNOWLEDGED_MS: "20000", SIGNALBOX_LEASE_MS: "30000" },
      handlers: { hold, echo: (payload) => payload },
    });
    await bench.ledger.dispatch([job("before", { name: "hold" })]);
    await running.event("attempt:started");
    await server.crash();
    await running.event("disconnected");
    await server.restart();
    // The subscriber may take some time to come back; the job waits for it or is sent to it.
    await until(() => bench.redis.ping().then(Boolean), { or: "Redis to answer" });
    await bench.ledger.dispatch([job("meanwhile", { node: "1" })]);
    await running.event("listening", { count: 2 });
    expect((await bench.ended("meanwhile")).state).toBe("succeeded");
    release();
    expect((await bench.ended("before")).state).toBe("succeeded");
    await running.event("attempt:ended", { count: 2 });
    expect(reasons).toEqual([]);
    expect(running.seen("attempt:started")).toHaveLength(2);
    expect(running.seen("superseded")).toEqual([]);
    expect(await bench.problems()).toEqual([]);
  });

  test("gets the outcomes of what ended while it was away", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const { hold, release } = createHold();
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_UNACKNOWLEDGED_MS: "20000" },
      handlers: { hold },
    });
    const specs = jobs(5, "away", { name: "hold" });
    await bench.ledger.dispatch(specs);
    await running.event("attempt:started", { count: 5 });
    await server.crash();
    release();
    await running.event("redis:failed", { where: ({ during }) => during === "finish" });
    await server.restart();
    await bench.allEnded(specs);
    expect(running.seen("attempt:started")).toHaveLength(5);
    expect(running.seen("attempt:fenced")).toEqual([]);
    await until(async () => (await bench.problems()).length === 0, { or: "the invariants" });
  });

  test("may be away when the subscriber starts", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await bench.ledger.dispatch([job("early")]);
    await server.crash();
    await using running = await runSubscriber({ url: server.url, early: true });
    await server.restart();
    await running.event("listening");
    expect((await bench.ended("early")).state).toBe("succeeded");
    expect(await bench.problems()).toEqual([]);
  });
});

describe("a link that is cut", () => {
  test("is made again immediately, and the join brings what was missed", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using proxy = await startTcpProxy(server.port);
    await using running = await runSubscriber({
      url: `redis://127.0.0.1:${proxy.port}`,
      env: { SIGNALBOX_UNACKNOWLEDGED_MS: "20000" },
    });
    proxy.refuse(true);
    proxy.cut();
    await running.event("disconnected");
    await until(async () => (await bench.ledger.listeners(["1"])).get("1") === 0, {
      or: "Redis to notice",
    });
    const answers = await bench.ledger.dispatch([job("own", { node: "1" }), job("any")]);
    expect(answers.map((each) => each.kind === "accepted" && each.delivered)).toEqual([
      false,
      false,
    ]);
    // No lease runs and nothing is due: only the join can bring them.
    expect(await bench.redis.exists("signalbox:{default}:leases", "signalbox:{default}:due")).toBe(
      0,
    );
    proxy.refuse(false);
    await running.event("listening", { count: 2 });
    await Promise.all([bench.ended("own"), bench.ended("any")]);
    await running.event("attempt:ended", { count: 2 });
    expect(await bench.problems()).toEqual([]);
  });

  test("many times under load loses no job and leaves the slots right", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using proxy = await startTcpProxy(server.port);
    await using running = await runSubscriber({
      url: `redis://127.0.0.1:${proxy.port}`,
      env: { SIGNALBOX_NODES: "1,2", SIGNALBOX_SLOTS: "5" },
      handlers: { echo: async (payload) => (await new Promise(setImmediate), payload) },
    });
    const specs = jobs(2_000, "cut");
    await bench.ledger.dispatch(specs.slice(0, 1_000));
    await bench.ledger.dispatch(specs.slice(1_000));
    for (let cuts = 1; cuts <= 8; cuts++) {
      await running.event("attempt:ended", { count: cuts * 150 });
      proxy.cut();
      await running.event("listening", { count: cuts + 1 });
    }
    await bench.allEnded(specs);
    await until(async () => (await bench.problems()).length === 0, {
      or: "the invariants to hold",
    });
    expect((await bench.state()).free).toHaveLength(10);
  });
});

describe("a link that is half-open", () => {
  test("is noticed by the PING that gets no answer, and replaced", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using proxy = await startTcpProxy(server.port);
    await using running = await runSubscriber({
      url: `redis://127.0.0.1:${proxy.port}`,
      env: { SIGNALBOX_PING_MS: "200", SIGNALBOX_UNACKNOWLEDGED_MS: "60000" },
    });
    proxy.stall();
    // Redis still counts the dead link as a listener: the job is sent, and nobody receives it.
    const [answer] = await bench.ledger.dispatch([job("unacknowledged")]);
    expect(answer).toMatchObject({ delivered: true });
    await running.event("listening", { count: 2, within: 25_000 });
    expect((await bench.ended("unacknowledged")).state).toBe("succeeded");
    await running.event("attempt:ended");
    expect(running.seen("attempt:started")).toHaveLength(1);
    expect(await bench.problems()).toEqual([]);
  });
});

describe("a lease that is lost", () => {
  test("is reported when the outcome is refused", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const { hold, release } = createHold();
    await using running = await runSubscriber({
      url: server.url,
      // So that no renewal finds out before.
      env: { SIGNALBOX_UNACKNOWLEDGED_MS: "400000", SIGNALBOX_LEASE_MS: "400000" },
      handlers: { hold },
    });
    await bench.ledger.dispatch([job("late", { name: "hold" })]);
    await running.event("attempt:started");
    await bench.redis.del("signalbox:{default}:leases");
    release();
    const [fenced] = await running.event("attempt:fenced");
    expect(fenced).toMatchObject({ id: "late", attempt: 1 });
    expect((await bench.ledger.read("default", "late"))?.ended).toBeUndefined();
  });

  test("aborts the handler's signal, and its outcome changes nothing", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const { hold, release, reasons } = createHold();
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_SLOTS: "1" },
      handlers: { hold },
    });
    await bench.ledger.dispatch([job("lost", { name: "hold", attempts: 1 })]);
    await running.event("attempt:started");
    // As if this process had been away for longer than the lease: the job goes to another.
    await using other = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_NODES: "2" },
      handlers: { hold: () => "other" },
    });
    const [member = ""] = (await bench.state()).leases;
    await bench.redis.zadd("signalbox:{default}:leases", "XX", 1, member);
    await bench.redis.lrem("signalbox:{default}:free", 0, "1");
    await bench.maintenance.recover(["default"], 10);
    await running.event("attempt:lost", { where: ({ id }) => id === "lost" });
    expect(reasons).toEqual(["lease_lost"]);
    expect((await bench.ended("lost")).ended?.text).toContain('"other"');
    release();
    await running.event("attempt:ended", { where: ({ state }) => state === "released" });
    expect((await bench.ended("lost")).ended?.node).toBe("2");
    expect(other.seen("attempt:fenced")).toEqual([]);
    expect(await bench.problems()).toEqual([]);
  });

  test("is found by the next renewal, if no message tells of it", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const { hold, reasons } = createHold();
    await using running = await runSubscriber({ url: server.url, handlers: { hold } });
    await bench.ledger.dispatch([job("lost", { name: "hold" })]);
    await running.event("attempt:started");
    await bench.redis.del("signalbox:{default}:leases");
    await running.event("attempt:lost");
    await running.event("attempt:ended", { where: ({ state }) => state === "released" });
    expect(reasons).toEqual(["lease_lost"]);
    expect(running.seen("listening")).toHaveLength(1);
  });
});

describe("a subscriber at rest", () => {
  test("sends Redis nothing but keep-alives", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({
      url: server.url,
      env: {
        SIGNALBOX_NODES: "1,2,3",
        SIGNALBOX_UNACKNOWLEDGED_MS: "300",
        SIGNALBOX_LEASE_MS: "300",
        SIGNALBOX_PING_MS: "1000",
      },
    });
    const specs = jobs(10);
    await bench.ledger.dispatch(specs);
    await bench.allEnded(specs);
    await running.event("attempt:ended", { count: 10 });
    const watcher = createConnection(server.url);
    await watcher.connect();
    // The last check for leases that ended stops the timer; from then on nothing is sent.
    await until(async () => (await watcher.exists("signalbox:{default}:leases")) === 0, {
      or: "the last check",
    });
    const before = await commandStats(watcher);
    const keepAlives = await rested(watcher, { connections: 2, pingMs: 1_000, periods: 2 });
    const after = await commandStats(watcher);
    watcher.disconnect();
    const changed = [...after].filter(([name, calls]) => calls !== before.get(name));
    expect(changed.map(([name]) => name).sort()).toEqual(["hmget", "info", "ping"]);
    const sent = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    // One command of each connection, whatever the number of nodes.
    expect(Math.abs(sent("hmget") - sent("ping"))).toBeLessThanOrEqual(1);
    // Two connections, one keep-alive each per period; one of them has sent its third.
    expect(keepAlives).toBeGreaterThanOrEqual(2 * 2 + 1);
    expect(keepAlives).toBeLessThanOrEqual(2 * 3);
  });

  test("proves both its connections alive: one by PINGs, one by asking for its nodes", async ({
    expect,
  }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_PING_MS: "100" },
    });
    const proofs = async (name: string) => {
      const stats = await bench.redis.info("commandstats");
      return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    };
    const addresses = async () => {
      const list = String(await bench.redis.call("CLIENT", "LIST"));
      const proving = list.split("\n").filter((line) => / cmd=(?:ping|hmget) /.test(line));
      return proving.map((line) => /addr=(\S+)/.exec(line)?.[1]);
    };
    for (const name of ["ping", "hmget"]) {
      const before = await proofs(name);
      await until(async () => (await proofs(name)) >= before + 3, { or: `three of ${name}` });
    }
    expect(new Set(await addresses()).size).toBeGreaterThanOrEqual(2);
    expect(running.seen("disconnected")).toEqual([]);
  });
});
