/** Every key expires or has the bound that `docs/protocol.md` states: runs thousands of jobs of every kind, then checks what is left. */
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import { createMaintenance, type Retention } from "../../../protocol/ledger/maintenance.ts";
import { defaultNaming, queueKeys } from "../../../protocol/redis/keys.ts";
import type { JobSpec } from "../../../protocol/wire/job.ts";
import { newJobId } from "../../../protocol/wire/names.ts";
import { createConnection, createRedisPort } from "../../../subscriber/connection/ioredis.ts";
import type { Outbox } from "../../../subscriber/outcome/outbox.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

const queue = "default";
const keys = queueKeys(defaultNaming, queue);
const long: Retention = {
  retentionMs: 3_600_000,
  maxFinished: 1_000_000,
  failedMs: 3_600_000,
  maxFailed: 1_000_000,
  outboxMs: 3_600_000,
};

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedisServer();
  redis = createConnection(server.url);
  await redis.connect();
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

function job(name: string, more: Partial<JobSpec> = {}): JobSpec {
  return { id: newJobId(), name, queue, payload: { n: 1 }, ...more };
}

/** One job of every kind that ends by itself, and its outcome. */
function everyKind(at: number): readonly JobSpec[] {
  const soon = { kind: "fixed", delayMs: 1 } as const;
  return [
    job("echo"),
    job("echo", { node: "1" }),
    job("echo", { start: { inMs: 1 + (at % 50) } }),
    job("echo", { dedupe: { key: `r${at}`, windowMs: 60_000, mode: "return" } }),
    job("echo", { dedupe: { key: `d${at}`, windowMs: 5, mode: "debounce" } }),
    job("fails", { attempts: 2, backoff: soon }),
    job("fails", { attempts: 1 }),
    job("slow", { timeoutMs: 5, attempts: 1 }),
    job("echo", { node: "nobody", deadline: { inMs: 1 + (at % 50) } }),
  ];
}

async function retireAll(keep: Retention): Promise<void> {
  const maintenance = createMaintenance({
    redis: createRedisPort(redis),
    naming: defaultNaming,
    timing: defaultTiming,
  });
  for (let more = true; more;) {
    const [answer] = await maintenance.prune([queue], keep);
    more = answer?.value.more ?? false;
  }
  await maintenance.retryParked([queue], 1_000);
}

test("thousands of jobs of every kind leave only what retention allows, and then nothing", async () => {
  const options = { redis: createRedisPort(redis), naming: defaultNaming, timing: defaultTiming };
  const ledger = createJobLedger(options);
  const maintenance = createMaintenance(options);
  const outbox = (): Outbox => ({
    add: ({ entry }) => void maintenance.ack(new Map([[queue, [entry]]])),
    flush: () => Promise.resolve(),
    stop: () => undefined,
  });
  await using subscriber = await runSubscriber({
    url: server.url,
    env: { SIGNALBOX_NODES: "1,2" },
    outbox,
    handlers: {
      echo: (payload) => payload,
      fails: () => {
        throw new Error("no");
      },
      slow: (_payload, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", resolve);
        }),
    },
  });

  const specs = Array.from({ length: 400 }, (_, at) => everyKind(at)).flat();
  const cancelled = Array.from({ length: 100 }, () => job("echo", { node: "nobody" }));
  for (const some of [specs, cancelled]) {
    for (let from = 0; from < some.length; from += 900) {
      await ledger.dispatch(some.slice(from, from + 900));
    }
  }
  for (const { id } of cancelled) await ledger.cancel(queue, id);
  const all = specs.length + cancelled.length;
  await until(async () => (await redis.hlen(keys.results)) === all, {
    within: 60_000,
    or: () => "not every job has ended",
  });
  await until(async () => (await redis.xlen(keys.outbox)) <= 1_000, {
    or: () => "results were not recorded",
  });
  // The tick handles the jobs that no node reported on: do what it does.
  for (const { queue: of, value } of await maintenance.undelivered([queue], 0, 10_000)) {
    await maintenance.ack(new Map([[of, value.map(({ entry }) => entry)]]));
  }

  expect(await redis.hlen(keys.jobs)).toBe(all);
  const members = await redis.zrange(keys.leases, "0", "-1");
  expect(members.filter((member) => member !== "watch")).toEqual([]);
  expect(await redis.exists(keys.backlog)).toBe(0);
  expect(await redis.xlen(keys.outbox)).toBe(0);
  expect(await redis.llen(keys.free)).toBe(20);

  // Bounded by count; the failed set has its own limit.
  await retireAll({ ...long, maxFinished: 500, maxFailed: 50 });
  expect(await redis.zcard(keys.failed)).toBe(50);
  expect(await redis.hlen(keys.results)).toBeLessThanOrEqual(550);
  expect(await redis.hlen(keys.jobs)).toBe(await redis.hlen(keys.results));

  // Bounded by age: everything goes.
  await retireAll({ ...long, retentionMs: 0, failedMs: 0 });
  await subscriber.stop();
  // Empty streams remain as keys.
  for (const stream of [keys.index, keys.outbox]) {
    expect(await redis.xlen(stream)).toBe(0);
    await redis.del(stream);
  }
  const left = (await redis.keys("*")).filter((key) => !key.startsWith(keys.dedupeBase));
  const passing = ["signalbox:queues", keys.due, keys.leases];
  expect(left.sort()).toEqual(passing.filter((key) => left.includes(key)));
  for (const key of await redis.keys(`${keys.dedupeBase}*`)) {
    expect(await redis.pttl(key)).toBeGreaterThan(0);
  }
  // Due items of jobs that started in time go when they are due.
  await until(
    async () => {
      await maintenance.runDue([queue], 1_000);
      await maintenance.recover([queue], 1_000);
      return (await redis.exists(keys.due, keys.leases)) === 0;
    },
    { or: () => "due items are left" },
  );
}, 120_000);
