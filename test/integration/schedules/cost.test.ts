/** What schedules cost at rest, how precise they are with a subscriber, and what a tick does of ten thousand. */
import { afterAll, beforeAll, test } from "vitest";
import { tick, type TickDeps } from "../../../functions/tick.ts";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import { createMaintenance } from "../../../protocol/ledger/maintenance.ts";
import { createScheduleLedger } from "../../../protocol/ledger/schedules.ts";
import { defaultNaming } from "../../../protocol/redis/keys.ts";
import type { RedisPort } from "../../../protocol/redis/port.ts";
import { defaultPlan, type Rule, type ScheduleSpec } from "../../../protocol/schedule/schedule.ts";
import { newJobId } from "../../../protocol/wire/names.ts";
import { createConnection, createRedisPort } from "../../../subscriber/connection/ioredis.ts";
import { commandsSince, rested } from "../../support/command-count.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
let redis: ReturnType<typeof createConnection>;
beforeAll(async () => {
  server = await startRedisServer();
  redis = createConnection(server.url);
  await redis.connect();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const env = { SIGNALBOX_UNACKNOWLEDGED_MS: "10000", SIGNALBOX_LEASE_MS: "30000" };
const options = { source: "http", nonce: "n", max: 200_000 } as const;

function specs(count: number, rule: (at: number) => Rule, prefix: string): ScheduleSpec[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `${prefix}${at}`,
    queue: "default",
    plan: { ...defaultPlan, rule: rule(at) },
    job: { name: "echo", payload: { n: at } },
  }));
}

async function putAll(some: readonly ScheduleSpec[]): Promise<void> {
  const schedules = createScheduleLedger({
    redis: createRedisPort(redis),
    naming: defaultNaming,
    timing: defaultTiming,
  });
  for (let from = 0; from < some.length; from += 500) {
    await schedules.put(some.slice(from, from + 500), options);
  }
}

test("a thousand schedules at rest cost no command while a subscriber is connected", async ({
  expect,
}) => {
  await redis.flushall();
  const resting = { connections: 2, pingMs: 2_000 };
  await using subscriber = await runSubscriber({
    url: server.url,
    env: { ...env, SIGNALBOX_PING_MS: String(resting.pingMs) },
  });
  const later = { kind: "in", inMs: 3_600_000 } as const;
  await putAll(specs(1_000, (at) => (at % 2 === 0 ? later : yearly), "rest"));
  await rested(redis, { ...resting, periods: 1 }); // what was announced has been checked
  await commandsSince(redis);
  await rested(redis, { ...resting, periods: 10 });
  expect(await commandsSince(redis)).toBe(0);
  expect(subscriber.seen("redis:failed")).toEqual([]);
}, 60_000);

const yearly: Rule = { kind: "cron", cron: "0 0 29 2 *", timeZone: "Europe/Berlin" };

test("with a subscriber a run starts within milliseconds of its time", async ({ expect }) => {
  await redis.flushall();
  const late: number[] = [];
  await using subscriber = await runSubscriber({
    url: server.url,
    env,
    handlers: {
      echo: (_payload, context) => {
        if (context.schedule !== undefined) late.push(Date.now() - context.schedule.scheduledAt);
      },
    },
  });
  const each = (at: number): Rule => ({ kind: "every", everyMs: 1_000 + at * 37 });
  await putAll(specs(5, each, "soon"));
  await until(() => late.length >= 60, { within: 40_000, or: "60 runs" });
  const sorted = late.slice(5).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Infinity;
  process.stdout.write(`lateness: median ${median} ms, worst ${sorted.at(-1)} ms\n`);
  // Both processes read the clock of the same machine. The promise is 50 ms on an idle machine.
  expect(median).toBeLessThan(250);
  expect(subscriber.seen("redis:failed")).toEqual([]);
}, 60_000);

function tickDeps(port: RedisPort, simulatedNow: () => number): TickDeps {
  const ledger = { redis: port, naming: defaultNaming, timing: defaultTiming, simulatedNow };
  const keep = { retentionMs: 1e9, maxFinished: 1e6, failedMs: 1e9, maxFailed: 1e4, outboxMs: 1e9 };
  return {
    ledger: createJobLedger(ledger),
    maintenance: createMaintenance(ledger),
    schedules: createScheduleLedger(ledger),
    declared: [],
    newId: newJobId,
    log: () => undefined,
    config: { retention: keep, maxSchedules: 100_000 },
  };
}

test("a tick runs a share of ten thousand due schedules, and later ticks the rest, each once", async ({
  expect,
}) => {
  await redis.flushall();
  let now = Date.UTC(2027, 0, 1, 0, 0, 1);
  let requests = 0;
  const port = createRedisPort(redis);
  const counted: RedisPort = {
    send(calls) {
      requests++;
      return port.send(calls);
    },
  };
  const deps = tickDeps(counted, () => now);
  const { schedules } = tickDeps(port, () => now);
  const hourly: Rule = { kind: "cron", cron: "0 * * * *", timeZone: "Europe/Berlin" };
  const all = specs(10_000, () => hourly, "due");
  for (let from = 0; from < all.length; from += 500)
    await schedules.put(all.slice(from, from + 500), options);
  now += 3_600_000;
  const made: number[] = [];
  const cpu: number[] = [];
  let before = 0;
  while (before < 10_000 && made.length < 200) {
    requests = 0;
    const start = process.cpuUsage();
    await tick(deps, now);
    const { user, system } = process.cpuUsage(start);
    cpu.push((user + system) / 1_000);
    expect(requests).toBeLessThanOrEqual(25); // each request may be repeated once, and 50 are allowed
    const after = await redis.hlen("signalbox:{default}:jobs");
    made.push(after - before);
    before = after;
  }
  process.stdout.write(`ticks made ${made.join(", ")}; CPU ms ${cpu.map(Math.round).join(", ")}\n`);
  expect(before).toBe(10_000);
  // So few because a free Worker has 10 ms of CPU: see the bench `tick`.
  expect(Math.max(...made)).toBeLessThanOrEqual(100);
  expect(made.length).toBe(100);
  await tick(deps, now);
  expect(await redis.hlen("signalbox:{default}:jobs")).toBe(10_000);
}, 60_000);

test("a tick computes a share of the times of different expressions", async ({ expect }) => {
  await redis.flushall();
  let now = Date.UTC(2027, 0, 1, 0, 0, 1);
  const deps = tickDeps(createRedisPort(redis), () => now);
  const own = (at: number): Rule => ({
    kind: "cron",
    cron: `${at % 60} ${30 + Math.floor(at / 60)} * * * *`,
    timeZone: "Europe/Berlin",
  });
  await deps.schedules.put(specs(300, own, "own"), options);
  now += 3_600_000;
  let before = 0;
  for (let ticks = 1; before < 300; ticks++) {
    await tick(deps, now);
    const after = await redis.hlen("signalbox:{default}:jobs");
    // Each costs one evaluation, and another for parsing its expression if that has left the cache.
    expect(after - before).toBeGreaterThanOrEqual(10);
    expect(after - before).toBeLessThanOrEqual(20);
    before = after;
    expect(ticks).toBeLessThanOrEqual(30);
  }
  expect(before).toBe(300);
}, 60_000);
