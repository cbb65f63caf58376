/** What the options do as time passes: by a clock of our own, and by Redis's. */
import type { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { createUpstash } from "../../../functions/redis/upstash.ts";
import { tick } from "../../../functions/tick.ts";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../../../protocol/ledger/jobs.ts";
import { createMaintenance, type Maintenance } from "../../../protocol/ledger/maintenance.ts";
import { createNodeLedger, type NodeLedger } from "../../../protocol/ledger/nodes.ts";
import type { ResultMessage } from "../../../protocol/wire/messages.ts";
import { type Answer, ask, joinNode, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
let simulated: { app: Hono; ledger: JobLedger; maintenance: Maintenance; nodes: NodeLedger };
let now = 0;
const noon = Date.UTC(2026, 0, 5, 12, 0);

beforeAll(async () => {
  stack = await startStack();
  const { url } = stack.gateway;
  const options = {
    redis: createUpstash({ url, token: "gateway-token-0123456789", timeoutMs: 5_000 }),
    naming: stack.deps.config.naming,
    timing: defaultTiming,
    simulatedNow: () => now,
  };
  const ledger = createJobLedger(options);
  const maintenance = createMaintenance(options);
  const app = createApp({ ...stack.deps, ledger, maintenance });
  simulated = { app, ledger, maintenance, nodes: createNodeLedger(options) };
});
beforeEach(async () => {
  await stack.reset();
  now = noon;
});
afterAll(() => stack.close());

const post = (body: object): Promise<Answer> =>
  ask(simulated.app, {
    method: "POST",
    path: "/v1/jobs",
    body: { name: "echo", id: "j1", ...body },
  });
const get = async (path = "/v1/jobs/j1") =>
  (await ask(simulated.app, { method: "GET", path })).body;
const runDue = async () => (await simulated.maintenance.runDue(["default"], 100))[0]?.value;
const join = () => joinNode({ ...stack, nodes: simulated.nodes }, { name: "1" });

test("a delayed job waits beside a free node until its time has come", async ({ expect }) => {
  const node = await join();
  expect((await post({ delayMs: 5_000 })).body).toMatchObject({
    id: "j1",
    state: "delayed",
    node: null,
    delivered: false,
    duplicate: false,
  });
  expect(await get()).toMatchObject({ state: "delayed", deliveries: 0 });
  expect(await get("/v1/jobs?state=delayed")).toMatchObject({ jobs: [{ id: "j1" }] });
  expect(await get("/v1/jobs?state=queued")).toMatchObject({ jobs: [] });
  now += 4_999;
  expect(await runDue()).toMatchObject({ placed: 0, nextInMs: 1 });
  now += 1;
  expect(await runDue()).toMatchObject({ placed: 1, nextInMs: null });
  expect(await node.next()).toMatchObject({ id: "j1", attempt: 1 });
  expect(await get()).toMatchObject({ state: "running", node: "1" });
  await node.close();
});

test("runAt is the same time in every form", async ({ expect }) => {
  const forms = ["2026-01-05T13:00:07+01:00", "2026-01-05T12:00:07.000Z", noon + 7_000];
  for (const [at, runAt] of forms.entries()) {
    expect((await post({ id: `j${at}`, runAt })).body).toMatchObject({ state: "delayed" });
  }
  expect(await runDue()).toMatchObject({ placed: 0, nextInMs: 7_000 });
  now += 7_000;
  expect(await runDue()).toMatchObject({ placed: 3 });
});

test("a job for one node may be delayed", async ({ expect }) => {
  expect((await post({ delayMs: 5_000, node: "1" })).body).toMatchObject({
    state: "delayed",
    node: "1",
    delivered: false,
  });
  const node = await join();
  now += 5_000;
  await runDue();
  expect(await node.next()).toMatchObject({ id: "j1", node: "1" });
  await node.close();
});

test("a job whose runAt has passed runs immediately", async ({ expect }) => {
  const node = await join();
  const { body } = await post({ runAt: "2001-01-01T00:00:00Z" });
  expect(body).toMatchObject({ state: "running", node: "1", delivered: true });
  await node.close();
});

test("a job that nobody starts in time expires, is told, and is recorded", async ({ expect }) => {
  expect((await post({ ttlMs: 5_000, payload: [1] })).body).toMatchObject({ state: "queued" });
  expect(await get()).toMatchObject({ state: "queued", expiresAt: "2026-01-05T12:00:05.000Z" });
  now += 4_999;
  expect(await runDue()).toMatchObject({ expired: 0, nextInMs: 1 });
  now += 1;
  expect(await runDue()).toMatchObject({ expired: 1 });
  const ended = {
    state: "expired",
    node: null,
    retries: 0,
    deliveries: 0,
    payload: [1],
    finishedAt: "2026-01-05T12:00:05.000Z",
    error: { code: "expired", retryable: false },
  };
  expect(await get()).toMatchObject({ ...ended, recorded: false });

  const node = await join();
  expect(await get()).toMatchObject({ state: "expired", deliveries: 0 });
  await node.close();

  const seen: ResultMessage[] = [];
  const onResult = (result: ResultMessage) => Promise.resolve(void seen.push(result));
  now += 31_000;
  await tick({ ...stack.deps, ...simulated, declared: [], onResult }, now);
  expect(seen).toMatchObject([{ id: "j1", state: "expired", error: { code: "expired" } }]);
  expect(await get()).toMatchObject({ ...ended, recorded: true });
  expect((await post({ ttlMs: 5_000, payload: [1] })).body).toMatchObject({
    state: "expired",
    duplicate: true,
  });
  expect(await get("/v1/failed")).toMatchObject({ jobs: [] });
});

test("a job that was started in time is not ended by its deadline", async ({ expect }) => {
  const node = await join();
  await post({ ttlMs: 5_000 });
  const envelope = await node.next();
  now += 6_000;
  expect(await runDue()).toMatchObject({ expired: 0 });
  await node.finish(envelope);
  expect(await get()).toMatchObject({ state: "succeeded" });
  await node.close();
});

test("a job whose expiresAt has passed never runs, even beside a free node", async ({ expect }) => {
  const node = await join();
  const { status, body } = await post({ expiresAt: "2026-01-05T11:59:59Z" });
  expect(status).toBe(202);
  expect(body).toMatchObject({ delivered: false });
  await runDue();
  expect(await get()).toMatchObject({ state: "expired", deliveries: 0 });
  expect((await simulated.ledger.nodes(["default"]))[0]?.value).toMatchObject([{ busy: 0 }]);
  await node.close();
});

test("a job that expires before it may start does so on time", async ({ expect }) => {
  await post({ delayMs: 60_000, ttlMs: 5_000 });
  now += 5_000;
  expect(await runDue()).toMatchObject({ placed: 0, expired: 1, nextInMs: null });
  expect(await get()).toMatchObject({ state: "expired" });
});

test("the tick does what is due where there is no subscriber", async ({ expect }) => {
  await post({ delayMs: 5_000 });
  await post({ id: "j2", ttlMs: 5_000 });
  now += 5_000;
  await tick({ ...stack.deps, ...simulated, declared: [] }, now);
  expect(stack.logged).toMatchObject([{ due: { placed: 1, expired: 1 } }]);
  expect(await get("/v1/jobs")).toMatchObject({
    jobs: [
      { id: "j2", state: "expired" },
      { id: "j1", state: "queued" },
    ],
  });
});

test("the new content of a waiting job brings its own times, or keeps those there were", async ({
  expect,
}) => {
  const dedupe = { key: "k", windowMs: 600_000, mode: "replace" };
  await post({ delayMs: 5_000, ttlMs: 60_000, dedupe });
  await post({ id: "j2", payload: 2, dedupe });
  expect(await get()).toMatchObject({ payload: 2, expiresAt: "2026-01-05T12:01:00.000Z" });
  expect(await runDue()).toMatchObject({ nextInMs: 5_000 });
  await post({ id: "j3", payload: 3, delayMs: 20_000, ttlMs: 30_000, dedupe });
  expect(await get()).toMatchObject({ payload: 3, expiresAt: "2026-01-05T12:00:30.000Z" });
  expect(await runDue()).toMatchObject({ nextInMs: 20_000 });
  now += 20_000;
  expect(await runDue()).toMatchObject({ placed: 1 });
  now += 10_000;
  expect(await runDue()).toMatchObject({ expired: 1 });
});

test("a job that waits for another attempt is not replaced", async ({ expect }) => {
  const node = await join();
  const dedupe = { key: "k", windowMs: 600_000, mode: "replace" };
  await post({ dedupe });
  const { id, token } = await node.next();
  const text = JSON.stringify({ code: "broken", message: "no", retryable: true });
  const ending = { id, token, node: "1", state: "retry", delayMs: 1_000, text } as const;
  await simulated.nodes.finish("default", [ending], {
    nodes: [{ node: "1", mode: "take", waiting: false }],
    wasBusy: false,
  });
  expect((await post({ id: "j2", payload: 2, dedupe })).body).toMatchObject({
    id: "j2",
    state: "running",
    duplicate: false,
  });
  expect(await get()).toMatchObject({ state: "delayed", retries: 1 });
  await node.close();
});

test("a caller that waits is answered when the job expires", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1", ttlMs: 1 });
  const answer = stack.ask("GET", "/v1/jobs/j1?wait=25");
  // Published until somebody listens: that is the wait.
  while ((await stack.redis.publish("CHANNEL_RESULT", '{"id":"other"}')) === 0);
  while ((await stack.maintenance.runDue(["default"], 100))[0]?.value.expired === 0);
  expect((await answer).body).toMatchObject({ state: "expired" });
});

test("the failures of earlier attempts are shown, the last ten", async ({ expect }) => {
  const node = await join();
  const backoff = { kind: "list", delaysMs: [1_000, 2_000] };
  await post({ attempts: 50, backoff });
  const deliveries: unknown[] = [];
  for (let attempt = 1; attempt <= 12; attempt++) {
    const { id, token, ...envelope } = await node.next();
    deliveries.push(envelope.backoff);
    const error = { code: `code_${attempt}`, message: 'a "b"\n', retryable: true };
    const ending = { id, token, node: "1", state: "retry", delayMs: 1_000 } as const;
    await simulated.nodes.finish("default", [{ ...ending, text: JSON.stringify(error) }], {
      nodes: [{ node: "1", mode: "take", waiting: false }],
      wasBusy: false,
    });
    expect(await get()).toMatchObject({ state: "delayed", retries: attempt });
    now += 1_000;
    await runDue();
  }
  expect(deliveries).toEqual(deliveries.map(() => backoff));
  const { errors } = (await get()) as { errors: readonly object[] };
  expect(errors).toHaveLength(10);
  expect(errors[0]).toEqual({
    attempt: 12,
    node: "1",
    at: "2026-01-05T12:00:11.000Z",
    error: { code: "code_12", message: 'a "b"\n', retryable: true },
  });
  expect(errors[9]).toMatchObject({ attempt: 3 });
  await node.close();
});
