/** A handler that holds the event loop keeps its lease, and those beside it: subscribers as processes, with their guard. */
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import { defaultNaming } from "../../../protocol/redis/keys.ts";
import type { JobSpec } from "../../../protocol/wire/job.ts";
import { createRedisPort } from "../../../subscriber/connection/ioredis.ts";
import { commandStats, rested } from "../../support/command-count.ts";
import { job, jobs } from "../../support/ledger.ts";
import { openRealLedger, type RealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { spawnSubscriber, type SubscriberProcess } from "../../support/subscriber-process.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

const unacknowledgedMs = 1_000;
/** Longer than any lease that has not been renewed. */
const longMs = 3 * unacknowledgedMs;

const spawn = (env: Readonly<Record<string, string>> = {}) =>
  spawnSubscriber({
    REDIS_URL: server.url,
    SIGNALBOX_HANDLERS: resolve(import.meta.dirname, "../../support/spin-handlers.ts"),
    SIGNALBOX_LEASE_MS: "1000",
    SIGNALBOX_UNACKNOWLEDGED_MS: String(unacknowledgedMs),
    SIGNALBOX_SLOTS: "30",
    ...env,
  });

function spinning(id: string, payload: object = {}, more: Partial<JobSpec> = {}): JobSpec {
  return job(id, { name: "spin", payload: { ms: longMs, ...payload }, ...more });
}

/** How often each job was started. */
function startsOf(child: SubscriberProcess): Readonly<Record<string, number>> {
  const starts: Record<string, number> = {};
  for (const { msg, id = "" } of child.lines) {
    if (msg === "attempt started") starts[id] = (starts[id] ?? 0) + 1;
  }
  return starts;
}

const fencedBy = (child: SubscriberProcess) =>
  child.lines.filter(
    ({ msg }) => msg.startsWith("outcome refused") || msg.startsWith("lease lost"),
  );

describe("a handler that holds the event loop for longer than its lease", () => {
  test.for([
    ["from its start", {}],
    ["after a microtask", { after: "microtask" }],
    ["after it was acknowledged", { after: 200 }],
    ["before it was acknowledged, after a wait", { after: 5 }],
  ] as const)("%s, runs once and succeeds", async ([, payload], { expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    await using watcher = await spawn({ SIGNALBOX_NODES: "2" });
    const spec = spinning("alone", payload, { node: "1" });
    await bench.ledger.dispatch([spec]);
    expect(await bench.ended("alone")).toMatchObject({ state: "succeeded", attemptsUsed: 0 });
    await child.says("attempt succeeded", { id: "alone" });
    await child.says(
      "event loop blocked: move what computes into a worker thread or a child process",
    );
    expect([startsOf(child), startsOf(watcher)]).toEqual([{ alone: 1 }, {}]);
    expect(fencedBy(child)).toEqual([]);
    const line = child.lines.find(({ msg }) => msg.startsWith("event loop blocked"));
    expect(line).toMatchObject({ code: "event_loop_blocked", attempts: [{ id: "alone" }] });
    expect(line?.ms).toBeGreaterThanOrEqual(longMs - 50);
    expect(await bench.problems()).toEqual([]);
    expect(child.stderr()).toBe("");
  });

  test("does not cost those beside it their leases: running, and not yet read", async ({
    expect,
  }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    await using watcher = await spawn({ SIGNALBOX_NODES: "2" });
    const node = "1";
    const resting = jobs(5, "resting", { name: "rest", payload: { ms: 500 }, node });
    const unread = jobs(20, "short", { payload: 1, node });
    // One message brings them all: what follows the spinning job in it is started after it.
    await bench.ledger.dispatch([...resting, spinning("spin", {}, { node }), ...unread]);
    await child.says("attempt started", { id: "spin" });
    const later = jobs(3, "later", { payload: 1, node });
    await bench.ledger.dispatch(later);
    const all = [...resting, ...unread, ...later];
    await bench.allEnded([...all, spinning("spin")]);
    await child.says("attempt succeeded", { count: all.length + 1 });
    expect(startsOf(child)).toEqual(
      Object.fromEntries([...all.map(({ id }) => [id, 1]), ["spin", 1]]),
    );
    expect([startsOf(watcher), fencedBy(child)]).toEqual([{}, []]);
    expect(await bench.problems()).toEqual([]);
  });

  test("beyond its time-out fails each time, and ends after its attempts", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    const more = { timeoutMs: 500, attempts: 2, backoff: { kind: "fixed", delayMs: 10 } } as const;
    await bench.ledger.dispatch([spinning("endless", { ms: 4_000 }, more)]);
    const { state, attemptsUsed, errors, ended } = await bench.ended("endless");
    expect({ state, attemptsUsed }).toEqual({ state: "failed", attemptsUsed: 1 });
    expect(errors).toMatchObject([{ attempt: 1, error: { code: "event_loop_blocked" } }]);
    const result = JSON.parse(ended?.text ?? "") as { error: { code: string; message: string } };
    expect(result).toMatchObject({ attempt: 2, error: { code: "event_loop_blocked" } });
    expect(result.error.message).toMatch(/time-out of 500 ms passed, \d+ ms after its start/);
    await child.says("attempt failed at its time-out: the event loop was blocked", {
      id: "endless",
      count: 2,
    });
    expect(startsOf(child)).toEqual({ endless: 2 });
    expect(await bench.problems()).toEqual([]);
  });

  test("for ever ends at its time-out all the same", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    const more = { timeoutMs: 400, attempts: 1 };
    await bench.ledger.dispatch([spinning("stuck", { ms: 1e9 }, more)]);
    const { state, ended } = await bench.ended("stuck");
    expect(state).toBe("failed");
    expect(ended?.text).toContain('"code":"event_loop_blocked"');
    child.kill("SIGKILL");
    expect(await child.exited).toBe("SIGKILL");
    expect(await clientsOf(bench)).toBe(1);
  });

  test("is lost with its process, as one that was started", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    await bench.ledger.dispatch([spinning("killed", { ms: 1e9 }, { node: "1" })]);
    await child.says("attempt started", { id: "killed" });
    await until(async () => (await clientsOf(bench)) === 4, { or: "the guard to connect" });
    await until(() => isAcknowledged(bench, "killed"), { or: "the guard to renew" });
    child.kill("SIGKILL");
    await child.exited;
    await until(async () => (await clientsOf(bench)) === 1, { or: "no connection to be left" });
    await using next = await spawn();
    await next.says("attempt started", { id: "killed" });
    expect(await bench.ledger.read("default", "killed")).toMatchObject({ attemptsUsed: 1 });
  });
});

/** `SIGNALBOX_SPIN_MS=13000`: too long for every run. */
const defaultsMs = Number(process.env["SIGNALBOX_SPIN_MS"] ?? 0);

const onDefaults = () =>
  describe(`on default settings, held for ${defaultsMs} ms`, () => {
    const node = "1";
    const more = { timeoutMs: defaultsMs + 60_000, node };
    const spec = spinning("spin", { ms: defaultsMs }, more);

    test.for([0, 50])(
      "beside %i short jobs",
      { timeout: 4 * defaultsMs + 60_000 },
      async (count, { expect }) => {
        await using bench = await openRealLedger(server.url);
        const env = { SIGNALBOX_UNACKNOWLEDGED_MS: "10000", SIGNALBOX_LEASE_MS: "30000" };
        await using child = await spawn({ ...env, SIGNALBOX_SLOTS: "60" });
        await using watcher = await spawn({ ...env, SIGNALBOX_NODES: "2" });
        const short = jobs(count, "short", { payload: 1, node });
        // The first lease is as long as its dispatcher says.
        const redis = createRedisPort(bench.redis);
        const options = { redis, naming: defaultNaming, timing: defaultTiming };
        await createJobLedger(options).dispatch([spec, ...short]);
        await bench.allEnded([spec, ...short], 3 * defaultsMs);
        await child.says("attempt succeeded", { count: count + 1 });
        expect(Object.values(startsOf(child))).toEqual(Array(count + 1).fill(1));
        expect([startsOf(watcher), fencedBy(child)]).toEqual([{}, []]);
        expect(await bench.problems()).toEqual([]);
      },
    );
  });
if (defaultsMs > 0) onDefaults();

describe("the guard", () => {
  test("has no connection before it must act, and none after", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    await bench.ledger.dispatch([job("first", { name: "rest", payload: { ms: 1_500 } })]);
    await bench.ended("first");
    expect(await clientsOf(bench)).toBe(3);
    await bench.ledger.dispatch([spinning("spin")]);
    await until(async () => (await clientsOf(bench)) === 4, { or: "the guard to connect" });
    await bench.ended("spin");
    await until(async () => (await clientsOf(bench)) === 3, { or: "the guard to leave" });
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("sends nothing while the subscriber rests", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const pingMs = 1_500;
    await using child = await spawn({ SIGNALBOX_PING_MS: String(pingMs) });
    await bench.ledger.dispatch([job("x")]);
    await bench.ended("x");
    await child.says("attempt succeeded", { id: "x" });
    // The child's connection for commands keeps itself alive by HMGET, which this process cannot tell from others.
    await rested(bench.redis, { connections: 1, pingMs, periods: 2 });
    const before = await commandStats(bench.redis);
    await rested(bench.redis, { connections: 1, pingMs, periods: 2 });
    const after = await commandStats(bench.redis);
    const sent = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect([...after.keys()].filter((name) => sent(name) > 0).sort()).toEqual([
      "hmget",
      "info",
      "ping",
    ]);
    expect(Math.abs(sent("hmget") - sent("ping"))).toBeLessThanOrEqual(1);
  });

  test("leaves a subscriber alone whose Redis does not answer", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using proxy = await startTcpProxy(server.port);
    await using child = await spawn({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    await bench.ledger.dispatch([job("cut", { name: "rest", payload: { ms: longMs } })]);
    await child.says("attempt started", { id: "cut" });
    proxy.stall();
    expect(proxy.links()).toBe(0);
    await child.says("attempt succeeded", { id: "cut" });
    expect(proxy.links()).toBe(0);
    expect(child.lines.filter(({ msg }) => /guard|event loop/.test(msg))).toEqual([]);
  });

  test("fails quietly where Redis is away while the event loop is blocked", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using proxy = await startTcpProxy(server.port);
    await using child = await spawn({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    await bench.ledger.dispatch([spinning("cut", { after: 5 }, { node: "1" })]);
    await child.says("attempt started", { id: "cut" });
    proxy.refuse(true);
    proxy.cut();
    await child.says("attempt succeeded", { id: "cut" });
    proxy.refuse(false);
    expect((await bench.ended("cut")).state).toBe("succeeded");
    await bench.ledger.dispatch([spinning("next", {}, { node: "1" })]);
    await child.says("attempt succeeded", { id: "next" });
    expect(startsOf(child)).toMatchObject({ next: 1 });
    expect(child.lines.filter(({ msg }) => msg.startsWith("no guard"))).toEqual([]);
    expect(child.stderr()).toBe("");
  });

  test("is missed, and nothing else, where no thread may be started", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn({ NODE_OPTIONS: "--permission --allow-fs-read=*" });
    await child.says("no guard for leases: a handler that blocks the event loop loses its lease");
    await bench.ledger.dispatch([job("x")]);
    expect((await bench.ended("x")).state).toBe("succeeded");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });
});

/** Whether the lease of a job ends on half a millisecond. */
async function isAcknowledged({ redis }: RealLedger, id: string): Promise<boolean> {
  const leases = await redis.zrange("signalbox:{default}:leases", "0", "-1", "WITHSCORES");
  const at = leases.findIndex((word) => word.startsWith(`${id} `));
  return at >= 0 && Number(leases[at + 1]) % 1 !== 0;
}

/** How many clients Redis has, the test's own included. */
async function clientsOf({ redis }: RealLedger): Promise<number> {
  return Number(/connected_clients:(\d+)/.exec(await redis.info("clients"))?.[1]);
}
