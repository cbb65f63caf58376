import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import { listenRaw, publishRaw, startForeignSlave } from "../../support/foreign-slave.ts";
import { job, jobs } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

const run = promisify(execFile);
let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

const numbers = Array.from({ length: 99 }, (_, at) => String(at + 1));
const threeNodes = { SIGNALBOX_NODES: "1,2,3", SIGNALBOX_SLOTS: "4" };

describe("the original's master", () => {
  test("sends bare ids 1 to 99 and gets the same back, each once", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url, env: threeNodes });
    await using results = await listenRaw(server.port, ["CHANNEL_RESULT"]);
    await using master = await publishRaw(server.port);
    for (const number of numbers) {
      const channel = `CHANNEL_DISPATCH_${((Number(number) * 7) % 3) + 1}`;
      expect(await master.publish(channel, number)).toBe(1);
    }
    await running.event("bare:ended", { count: 99 });
    await master.publish("CHANNEL_RESULT", "marker");
    await until(() => results.heard.includes("marker"), { or: "the marker" });
    const heard = results.heard.filter((text) => text !== "marker");
    expect(heard.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers);
    expect(running.seen("bare:ended").every(({ ok }) => ok)).toBe(true);
    expect((await bench.state()).jobs).toEqual({});
    expect(await bench.problems()).toEqual([]);
  });

  test("gets each back once with two subscribers listening", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using one = await runSubscriber({ url: server.url, env: { SIGNALBOX_NODES: "1" } });
    await using two = await runSubscriber({ url: server.url, env: { SIGNALBOX_NODES: "2" } });
    await using results = await listenRaw(server.port, ["CHANNEL_RESULT"]);
    await using master = await publishRaw(server.port);
    for (const number of numbers) {
      await master.publish(`CHANNEL_DISPATCH_${(Number(number) % 2) + 1}`, number);
    }
    await one.event("bare:ended", { count: 49 });
    await two.event("bare:ended", { count: 50 });
    await until(() => results.heard.length >= 99, { or: "99 answers" });
    await master.publish("CHANNEL_RESULT", "marker");
    await until(() => results.heard.includes("marker"), { or: "the marker" });
    expect(results.heard).toHaveLength(100);
    expect((await bench.state()).jobs).toEqual({});
  });

  test("is told 0 receivers where no node listens", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using master = await publishRaw(server.port);
    expect(await master.publish("CHANNEL_DISPATCH_1", "5")).toBe(0);
    expect((await bench.state()).jobs).toEqual({});
  });

  test("may be redis-cli", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url, env: threeNodes });
    await using results = await listenRaw(server.port, ["CHANNEL_RESULT"]);
    const said = await run("redis-cli", [
      "-p",
      String(server.port),
      "PUBLISH",
      "CHANNEL_DISPATCH_2",
      "42",
    ]);
    expect(said.stdout.trim()).toBe("1");
    await running.event("bare:ended", { where: ({ id, node }) => id === "42" && node === "2" });
    await until(() => results.heard.length > 0, { or: "the answer" });
    expect(results.heard).toEqual(["42"]);
    expect(await bench.problems()).toEqual([]);
  });

  test("gets nothing back for a bare id whose handler fails", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({
      url: server.url,
      handlers: { echo: (_, { id }) => (id === "bad" ? Promise.reject(new Error("no")) : null) },
    });
    await using results = await listenRaw(server.port, ["CHANNEL_RESULT"]);
    await using master = await publishRaw(server.port);
    await master.publish("CHANNEL_DISPATCH_1", "bad");
    await running.event("bare:ended");
    await master.publish("CHANNEL_DISPATCH_1", "good");
    await until(() => results.heard.length > 0, { or: "the answer" });
    expect(results.heard).toEqual(["good"]);
    expect(await bench.problems()).toEqual([]);
  });
});

describe("a foreign slave", () => {
  test("completes jobs that are sent to it, bare and whole, once", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using one = await runSubscriber({ url: server.url, env: { SIGNALBOX_NODES: "1" } });
    await using two = await runSubscriber({ url: server.url, env: { SIGNALBOX_NODES: "2" } });
    await using slave = await startForeignSlave(server.port, "7");
    const specs = [
      ...jobs(20, "bare", { node: "7" }),
      ...jobs(20, "full", { node: "7", payload: { x: 1 } }),
    ];
    const answers = await bench.ledger.dispatch(specs);
    expect(answers.every((each) => each.kind === "accepted" && each.delivered)).toBe(true);
    await bench.allEnded(specs);
    expect(slave.heard.slice(0, 20)).toEqual(jobs(20, "bare").map(({ id }) => id));
    expect((await bench.ended("bare1")).ended).toMatchObject({ state: "succeeded", node: "7" });
    expect((await bench.ended("full20")).ended).toMatchObject({ state: "succeeded", node: "7" });
    // Both subscribers heard every echo; the outbox tells that one of them stored it.
    const [outbox] = await bench.maintenance.undelivered(["default"], 0, 100);
    expect(outbox?.value).toHaveLength(40);
    expect([one, two].flatMap((each) => each.seen("message:unreadable"))).toEqual([]);
    expect(await bench.problems()).toEqual([]);
  });

  test("completes jobs of another queue by its envelope", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await using slave = await startForeignSlave(server.port, "7");
    await bench.ledger.dispatch([job("a", { node: "7", queue: "other" })]);
    expect((await bench.ended("a", "other")).state).toBe("succeeded");
    expect(JSON.parse(slave.heard[0] ?? "")).toMatchObject({ id: "a", queue: "other" });
    expect(running.seen("attempt:started")).toEqual([]);
    expect(await bench.problems()).toEqual([]);
  });

  test("gets the jobs kept for it once it listens and the tick has run", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    const specs = jobs(5, "kept", { node: "7" });
    const answers = await bench.ledger.dispatch(specs);
    expect(answers.some((each) => each.kind === "accepted" && each.delivered)).toBe(false);
    await using slave = await startForeignSlave(server.port, "7");
    expect(await bench.maintenance.retryParked(["default"], 100)).toEqual([
      { queue: "default", value: 0 },
    ]);
    await bench.allEnded(specs);
    expect(slave.heard).toEqual(specs.map(({ id }) => id));
    expect(running.seen("attempt:started")).toEqual([]);
    expect(await bench.problems()).toEqual([]);
  });

  test("does not complete a job by the bare id of one that runs elsewhere", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    await using running = await runSubscriber({ url: server.url, handlers: { hold: () => gate } });
    await using slave = await publishRaw(server.port);
    await bench.ledger.dispatch([job("5", { name: "hold" })]);
    await running.event("attempt:started");
    await slave.publish("CHANNEL_RESULT", "5");
    await slave.publish("CHANNEL_RESULT", "a marker");
    await running.event("message:unreadable");
    expect((await bench.ledger.read("default", "5"))?.state).toBe("running");
    release();
    expect((await bench.ended("5")).state).toBe("succeeded");
    await running.event("attempt:ended");
    expect(await bench.problems()).toEqual([]);
  });

  test("does not speak for a subscriber on the same channel, whose handlers run", async ({
    expect,
  }) => {
    await using bench = await openRealLedger(server.url);
    const gate = Promise.withResolvers<string>();
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_SLOTS: "3" },
      handlers: { echo: () => gate.promise },
    });
    await using slave = await startForeignSlave(server.port, "1");
    await using other = await startForeignSlave(server.port, "7");
    const specs = jobs(3, "both", { payload: 1 });
    await bench.ledger.dispatch(specs);
    await running.event("attempt:started", { count: 3 });
    await until(() => slave.heard.length > 0, { or: "the slave to hear of a job" });
    // Echoes are handled in order: once this one has counted, those before it have not.
    await bench.ledger.dispatch([job("marker", { node: "7", payload: 1 })]);
    await bench.ended("marker");
    expect(other.heard).toHaveLength(1);
    expect((await bench.state()).leases).toHaveLength(3);
    gate.resolve("by the handler");
    await bench.allEnded([...specs, job("marker")]);
    const stored = await bench.ledger.read("default", "both1");
    expect(stored?.ended?.text).toContain('"result":"by the handler"');
    expect(await bench.problems()).toEqual([]);
    expect((await bench.state()).free).toEqual(["1", "1", "1"]);
  });
});
