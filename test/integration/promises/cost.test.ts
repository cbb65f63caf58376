/**
 * The command budget. Hosted Redis bills every command, including those inside scripts, so these figures are promises that
 * docs/deployment.md states, and a change that raises one fails.
 */
import type { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import { createMaintenance } from "../../../protocol/ledger/maintenance.ts";
import { defaultNaming } from "../../../protocol/redis/keys.ts";
import { newJobId } from "../../../protocol/wire/names.ts";
import { createConnection, createRedisPort } from "../../../subscriber/connection/ioredis.ts";
import { createEvents } from "../../../subscriber/events.ts";
import { createSubscriber } from "../../../subscriber/subscriber.ts";
import { commandsSince, countKeepAlives, rested } from "../../support/command-count.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";

const budget = {
  /** One job, a slot free: dispatch, finish and record together. */
  alone: 14,
  /** The same after nothing ran for as long as a first lease (10 s): all subscribers are told to watch it. */
  afterRest: 15,
  /** The check by each subscriber when that lease would have ended. */
  check: 3,
  /** 1,000 jobs in one call, 30 slots, per job. */
  inBatch: 1.5,
  /** A minute at rest with three subscribers, without keep-alives. */
  atRest: 0,
  /** One tick that finds nothing to do. */
  tick: 19,
};

let server: RedisServer;
let redis: Redis;
let recorded = 0;
let onRecorded: () => void = () => undefined;
const subscribers: { stop(): Promise<unknown> }[] = [];

function options() {
  return { redis: createRedisPort(redis), naming: defaultNaming, timing: defaultTiming };
}

async function startSubscriber(nodes: readonly string[]): Promise<void> {
  const maintenance = createMaintenance(options());
  const events = createEvents((error) => {
    throw error;
  });
  const subscriber = createSubscriber({
    config: {
      redisUrl: server.url,
      assignments: nodes.map((node) => ({ node, queue: "default", slots: 10 })),
      handlers: "",
      callbackUrl: undefined,
      signingSecret: undefined,
      envelopeSecret: undefined,
      naming: defaultNaming,
      timing: defaultTiming,
      drainMs: 5_000,
      pingMs,
      maxResultBytes: 262_144,
      allowsEviction: false,
      logLevel: "silent",
      host: "test",
    },
    module: { handlers: { echo: (payload) => payload }, catalog: undefined },
    commands: countKeepAlives(createConnection(server.url)),
    subscription: createConnection(server.url),
    // Records as the function does, with one command for each callback.
    outbox: {
      add: ({ queue, entry, texts }) => {
        void maintenance.ack(new Map([[queue, [entry]]])).then(() => {
          recorded += texts.length;
          onRecorded();
        });
      },
      flush: () => Promise.resolve(),
      stop: () => undefined,
    },
    events,
    log: pino({ level: "silent" }),
  });
  const listening = new Promise<void>((resolve) => {
    events.on("listening", () => {
      resolve();
    });
  });
  subscriber.start();
  await listening;
  subscribers.push(subscriber);
}

/** Longer than a first lease, so that one keep-alive period is a rest. */
const pingMs = 12_000;

/** Resolves when all three subscribers have rested for `periods` times `pingMs`, to the number of keep-alives. */
function rest(periods: number): Promise<number> {
  return rested(redis, { connections: 6, pingMs, periods });
}

async function runJobs(count: number): Promise<void> {
  const wanted = recorded + count;
  const done = new Promise<void>((resolve) => {
    onRecorded = () => {
      if (recorded >= wanted) resolve();
    };
  });
  const specs = Array.from({ length: count }, () => ({
    id: newJobId(),
    name: "echo",
    queue: "default",
    payload: { n: 1 },
  }));
  await createJobLedger(options()).dispatch(specs);
  await done;
}

beforeAll(async () => {
  server = await startRedisServer();
  redis = createConnection(server.url);
  await redis.connect();
  for (const nodes of [["1"], ["2"], ["3"]]) await startSubscriber(nodes);
  for (let job = 0; job < 10; job++) await runJobs(1); // loads every script
  await runJobs(100);
});

afterAll(async () => {
  await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
  redis.disconnect();
  await server.stop();
});

test(`a job alone costs at most ${budget.alone} commands, from dispatch to recorded`, async () => {
  await commandsSince(redis);
  for (let job = 0; job < 20; job++) await runJobs(1);
  expect((await commandsSince(redis)) / 20).toBeLessThanOrEqual(budget.alone);
});

test(`jobs in batches of 1,000 cost at most ${budget.inBatch} commands each`, async () => {
  await commandsSince(redis);
  await runJobs(1_000);
  expect((await commandsSince(redis)) / 1_000).toBeLessThanOrEqual(budget.inBatch);
});

test(`after a rest it costs ${budget.afterRest}, and each subscriber checks once for ${budget.check} at most`, async () => {
  await rest(1); // until the last check of what the jobs above left
  await commandsSince(redis);
  await runJobs(1);
  expect(await commandsSince(redis)).toBeLessThanOrEqual(budget.afterRest);
  await rest(1);
  expect(await commandsSince(redis)).toBeLessThanOrEqual(3 * budget.check + 2);
}, 90_000);

test("three subscribers at rest send nothing but keep-alives for a minute", async () => {
  await rest(1); // until the last check of what the jobs above left
  await commandsSince(redis);
  const startedAt = performance.now();
  const keepAlives = await rest(5);
  const elapsedMs = performance.now() - startedAt;
  expect(await commandsSince(redis)).toBe(budget.atRest);
  // Six connections, one keep-alive each per period; one of them has begun the sixth.
  expect(keepAlives).toBeGreaterThanOrEqual(6 * 5 + 1);
  expect(keepAlives).toBeLessThanOrEqual(6 * 6);
  expect(elapsedMs).toBeGreaterThanOrEqual(4.5 * pingMs);
}, 120_000);

test(`a tick with nothing to do costs at most ${budget.tick} commands`, async () => {
  const maintenance = createMaintenance(options());
  const keep = { retentionMs: 1e9, maxFinished: 1e6, failedMs: 1e9, maxFailed: 1e4, outboxMs: 1e9 };
  const tick = async () => {
    const queues = await createJobLedger(options()).queues();
    await maintenance.recover(queues, 100);
    await maintenance.runDue(queues, 100);
    await maintenance.retryParked(queues, 100);
    await maintenance.undelivered(queues, 30_000, 100);
    await maintenance.prune(queues, keep);
  };
  await tick(); // loads every script
  await commandsSince(redis);
  await tick();
  expect(await commandsSince(redis)).toBeLessThanOrEqual(budget.tick);
});
