import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { coalesceCalls } from "../../../functions/redis/coalesce.ts";
import { createUpstash } from "../../../functions/redis/upstash.ts";
import { tick, type TickDeps } from "../../../functions/tick.ts";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../../../protocol/ledger/jobs.ts";
import { createMaintenance } from "../../../protocol/ledger/maintenance.ts";
import { createNodeLedger } from "../../../protocol/ledger/nodes.ts";
import { createScheduleLedger } from "../../../protocol/ledger/schedules.ts";
import type { RedisPort } from "../../../protocol/redis/port.ts";
import { newJobId } from "../../../protocol/wire/names.ts";
import { joinNode, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
let now = 0;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(async () => {
  await stack.reset();
  now = Date.UTC(2026, 0, 5, 12, 0);
});
afterAll(() => stack.close());

/** The stack with a clock of our own, and how many requests the tick has made. */
function ticking(): { deps: TickDeps & { ledger: JobLedger }; old: Stack; requests: () => number } {
  let requests = 0;
  const { url } = stack.gateway;
  const port = createUpstash({ url, token: "gateway-token-0123456789", timeoutMs: 5_000 });
  const counted: RedisPort = {
    send(calls) {
      requests += 1;
      return port.send(calls);
    },
  };
  const options = {
    redis: coalesceCalls(counted),
    naming: stack.deps.config.naming,
    timing: defaultTiming,
    simulatedNow: () => now,
  };
  const ledger = createJobLedger(options);
  const maintenance = createMaintenance(options);
  const retention = {
    retentionMs: 3_600_000,
    maxFinished: 1_000,
    outboxMs: 604_800_000,
    failedMs: 604_800_000,
    maxFailed: 1_000,
  };
  const schedules = createScheduleLedger(options);
  const deps = {
    ledger,
    maintenance,
    schedules,
    declared: [],
    log: stack.deps.log,
    newId: newJobId,
    config: { retention, maxSchedules: 100 },
  };
  const old = { ...stack, ledger, maintenance, nodes: createNodeLedger(options) };
  return { deps, old, requests: () => requests };
}

test("a tick of an idle system is a few requests and one line", async ({ expect }) => {
  const { deps, requests } = ticking();
  await tick(deps, now);
  expect(requests()).toBe(3);
  expect(stack.logged).toEqual([
    {
      level: "info",
      event: "tick",
      scheduledAt: "2026-01-05T12:00:00.000Z",
      queues: 1,
      declared: { put: 0, dropped: 0, refused: 0 },
      leases: { again: 0, ended: 0 },
      due: { placed: 0, expired: 0, made: 0, left: 0 },
      parked: { waiting: 0 },
      outbox: { recorded: 0 },
      pruned: { forgotten: 0 },
    },
  ]);
});

test("what a dead node held is given out again", async ({ expect }) => {
  const { deps, old } = ticking();
  const dead = await joinNode(old, { name: "1" });
  await deps.ledger.dispatch([{ id: "j1", name: "echo", queue: "default" }]);
  await dead.next();
  await dead.close();
  now += 11_000;
  await tick(deps, now);
  expect(stack.logged).toMatchObject([{ leases: { again: 1 } }]);
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({ state: "queued" });
});

test("more leases than one call takes are dealt with in one tick", async ({ expect }) => {
  const { deps, old } = ticking();
  const dead = await joinNode(old, { name: "1", slots: 1_000 });
  const jobs = Array.from({ length: 1_000 }, (_, at) => ({ name: "echo", id: `j${at}` }));
  await deps.ledger.dispatch(jobs.map((job) => ({ ...job, queue: "default" })));
  await dead.close();
  now += 11_000;
  await tick(deps, now);
  expect(stack.logged).toMatchObject([{ leases: { again: 1_000 } }]);
});

test("results that nobody delivers are recorded after half a minute", async ({ expect }) => {
  const { deps, old } = ticking();
  const node = await joinNode(old, { name: "1" });
  await deps.ledger.dispatch([{ id: "j1", name: "echo", queue: "default" }]);
  await node.finish(await node.next(), { state: "succeeded", result: 1 });
  await node.close();
  const seen: unknown[] = [];
  const onResult = (result: unknown) => Promise.resolve(void seen.push(result));

  now += 29_000;
  await tick({ ...deps, onResult }, now);
  expect(seen).toEqual([]);
  now += 1_001;
  await tick({ ...deps, onResult }, now);
  expect(seen).toMatchObject([{ id: "j1", state: "succeeded", result: 1 }]);
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({ recorded: true });
});

test("jobs for one node are offered to it again", async ({ expect }) => {
  const { deps } = ticking();
  await deps.ledger.dispatch([{ id: "j1", name: "echo", queue: "default", node: "foreign" }]);
  const listener = stack.redis.duplicate();
  await listener.subscribe("CHANNEL_DISPATCH_foreign");
  const message = new Promise((resolve) =>
    listener.once("message", (_channel, text) => {
      resolve(text);
    }),
  );
  await tick(deps, now);
  expect(await message).toBe("j1");
  listener.disconnect();
});

test("finished jobs are forgotten after their retention", async ({ expect }) => {
  const { deps, old } = ticking();
  const node = await joinNode(old, { name: "1", queue: "slow" });
  await deps.ledger.dispatch([{ id: "j1", name: "echo", queue: "slow" }]);
  await node.finish(await node.next());
  now += 3_600_001;
  await tick(deps, now);
  expect((await stack.ask("GET", "/v1/jobs/j1")).status).toBe(404);
  await node.close();
});

test("a part that fails stops no other, and all failures are told", async ({ expect }) => {
  const { deps, old } = ticking();
  const node = await joinNode(old, { name: "1" });
  await deps.ledger.dispatch([{ id: "j1", name: "echo", queue: "default" }]);
  await node.finish(await node.next());
  await node.close();
  now += 3_700_000;
  const maintenance = { ...deps.maintenance, recover: () => Promise.reject(new Error("first")) };
  const onResult = () => Promise.reject(new Error("second"));
  const failed = tick({ ...deps, maintenance, onResult }, now);
  await expect(failed).rejects.toThrow("tick failed in: leases (internal), outbox (internal)");
  expect(stack.logged).toMatchObject([
    { level: "error", pruned: { forgotten: 1 }, errors: [{ part: "leases" }, { part: "outbox" }] },
  ]);
});

test("results that the hook always refuses do not hold up newer ones", async ({ expect }) => {
  const { deps, old } = ticking();
  // More than one tick reads: the oldest 350 entries are refused each time.
  const count = 360;
  const node = await joinNode(old, { name: "1", slots: count });
  const ids = Array.from({ length: count }, (_, at) => `j${at}`);
  await deps.ledger.dispatch(ids.map((id) => ({ id, name: "echo", queue: "default" })));
  for (let at = 0; at < count; at++) await node.finish(await node.next());
  await node.close();
  const good = ids.filter((id) => id !== "j5" && Number(id.slice(1)) >= 350);
  const calls = new Map<string, number>();
  const onResult = ({ id }: { readonly id: string }) => {
    calls.set(id, (calls.get(id) ?? 0) + 1);
    return good.includes(id) ? Promise.resolve() : Promise.reject(new Error(`not ${id}`));
  };
  for (let minute = 0; minute < 5; minute++) {
    now += 60_000;
    await expect(tick({ ...deps, onResult }, now)).rejects.toThrow(/outbox \(internal\)/);
  }
  for (const id of good) expect([id, calls.get(id)]).toEqual([id, 1]);
  // None more than its share: five ticks of at most 300.
  expect(Math.max(...calls.values())).toBeLessThanOrEqual(3);
  const [line] = stack.logged;
  expect(JSON.stringify(line)).not.toContain("bug");
  const [{ error }] = (line?.["errors"] ?? []) as readonly [{ readonly error: Error }];
  expect(error.message).toMatch(/^onResult threw: not j\d+ \(job j\d+; \d+ results refused/);
  expect(await stack.redis.xlen("signalbox:{default}:outbox")).toBe(350);
});

test("one refused result among many costs a tick nothing of the others", async ({ expect }) => {
  const { deps, old } = ticking();
  const node = await joinNode(old, { name: "1", slots: 250 });
  const ids = Array.from({ length: 250 }, (_, at) => `j${at}`);
  await deps.ledger.dispatch(ids.map((id) => ({ id, name: "echo", queue: "default" })));
  for (let at = 0; at < 250; at++) await node.finish(await node.next());
  await node.close();
  now += 31_000;
  const onResult = ({ id }: { readonly id: string }) =>
    id === "j0" ? Promise.reject(new Error("never")) : Promise.resolve();
  await expect(tick({ ...deps, onResult }, now)).rejects.toThrow();
  expect(await stack.redis.xlen("signalbox:{default}:outbox")).toBe(1);
  expect((await stack.ask("GET", "/v1/jobs/j0")).body).toMatchObject({ recorded: false });
  now += 60_000;
  await tick({ ...deps, onResult: () => Promise.resolve() }, now);
  expect((await stack.ask("GET", "/v1/jobs/j0")).body).toMatchObject({ recorded: true });
});
