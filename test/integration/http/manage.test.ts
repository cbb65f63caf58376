/** Cancel, send again and delete one job; each also asked twice, and with its answer lost. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { retryOnce } from "../../../functions/redis/retry-once.ts";
import { createUpstash } from "../../../functions/redis/upstash.ts";
import { SignalboxError } from "../../../protocol/error.ts";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import type { RedisPort } from "../../../protocol/redis/port.ts";
import { createConnection } from "../../../subscriber/connection/ioredis.ts";
import { ask, joinNode, type Stack, startStack, type TestNode } from "../../support/http-app.ts";

let stack: Stack;
let node: TestNode;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(async () => {
  await stack.reset();
  node = await joinNode(stack, { name: "1" });
});
afterAll(() => stack.close());

type Action = "cancel" | "resend" | "delete";
const actions: Readonly<Record<Action, (id: string) => readonly [method: string, path: string]>> = {
  cancel: (id) => ["POST", `/v1/jobs/${id}/cancel`],
  resend: (id) => ["POST", `/v1/jobs/${id}/resend`],
  delete: (id) => ["DELETE", `/v1/jobs/${id}`],
};
const act = (action: Action, id: string) => stack.ask(...actions[action](id));
const get = async (id: string) => (await stack.ask("GET", `/v1/jobs/${id}`)).body;
const post = (id: string, more: object = {}) =>
  stack.ask("POST", "/v1/jobs", { name: "echo", id, ...more });

/** Makes job `id` be in a state. */
const into = {
  async queued(id: string) {
    await post("blocker");
    await post(id);
  },
  delayed: (id: string) => post(id, { delayMs: 60_000 }),
  running: (id: string) => post(id),
  async succeeded(id: string) {
    await post(id);
    await node.finish(await node.next());
  },
  async failed(id: string) {
    await post(id, { attempts: 1, payload: "kept" });
    const error = { code: "broken", message: "no", retryable: true };
    await node.finish(await node.next(), { state: "failed", error });
  },
  async cancelled(id: string) {
    await post(id, { delayMs: 60_000 });
    await act("cancel", id);
  },
  async expired(id: string) {
    await post(id, { delayMs: 60_000, ttlMs: 1 });
    while ((await stack.maintenance.runDue(["default"], 10))[0]?.value.expired === 0);
  },
};
type State = keyof typeof into;

const cancelled = { status: 200, body: { outcome: "cancelled", state: "cancelled" } };
const conflict = { status: 409, body: { code: "state_conflict" } };
const table: readonly (readonly [Action, State, object])[] = [
  ["cancel", "queued", cancelled],
  ["cancel", "delayed", cancelled],
  ["cancel", "running", { status: 200, body: { outcome: "stopping", state: "running" } }],
  ["cancel", "cancelled", cancelled],
  ["cancel", "succeeded", { status: 200, body: { outcome: "ended", state: "succeeded" } }],
  ["cancel", "failed", { status: 200, body: { outcome: "ended", state: "failed" } }],
  ["cancel", "expired", { status: 200, body: { outcome: "ended", state: "expired" } }],
  ["resend", "queued", { status: 202, body: { resent: false, state: "queued" } }],
  ["resend", "delayed", { status: 202, body: { resent: false, state: "delayed" } }],
  ["resend", "running", { status: 202, body: { resent: false, state: "running" } }],
  ["resend", "failed", { status: 202, body: { resent: true } }],
  ["resend", "cancelled", { status: 202, body: { resent: true } }],
  ["resend", "expired", { status: 202, body: { resent: true } }],
  ["resend", "succeeded", conflict],
  ["delete", "queued", conflict],
  ["delete", "delayed", conflict],
  ["delete", "running", conflict],
  ["delete", "succeeded", { status: 204, body: {} }],
  ["delete", "failed", { status: 204, body: {} }],
  ["delete", "cancelled", { status: 204, body: {} }],
  ["delete", "expired", { status: 204, body: {} }],
];

/** The app whose first answer to each writing script is lost, and which then asks again. */
function forgetful() {
  const port = createUpstash({
    url: stack.gateway.url,
    token: "gateway-token-0123456789",
    timeoutMs: 5_000,
  });
  let losses = 1;
  const lossy: RedisPort = {
    async send(calls) {
      const replies = await port.send(calls);
      const writes = calls.some(
        (call) =>
          "script" in call && ["cancel", "resend", "delete-jobs"].includes(call.script.name),
      );
      if (writes && losses-- > 0)
        throw new SignalboxError("redis_unavailable", "expected an answer");
      return replies;
    },
  };
  const redis = retryOnce(lossy, () => Promise.resolve());
  const { naming } = stack.deps.config;
  const app = createApp({
    ...stack.deps,
    ledger: createJobLedger({ redis, naming, timing: defaultTiming }),
  });
  return app;
}

describe.for(table)("%s of a job that is %s", ([action, state, expected]) => {
  test("is answered with what came of it", async ({ expect }) => {
    await into[state]("j1");
    const answer = await act(action, "j1");
    expect(answer).toMatchObject(expected);
    if (answer.status < 204) expect(answer.body).toMatchObject({ id: "j1", queue: "default" });
    if (answer.status === 409) expect(answer.body["detail"]).toContain(`j1 is ${state}`);
  });

  test("is answered the same where the first answer of Redis was lost", async ({ expect }) => {
    await into[state]("j1");
    const app = forgetful();
    const [method, path] = actions[action]("j1");
    expect(await ask(app, { method, path })).toMatchObject(expected);
  });

  test("may be asked for twice", async ({ expect }) => {
    await into[state]("j1");
    const first = await act(action, "j1");
    const job = await get("j1");
    const second = await act(action, "j1");
    expect(second.status).toBe(action === "delete" && first.status === 204 ? 404 : first.status);
    expect(await get("j1")).toEqual(job);
    if (action === "resend" && first.status === 202) {
      expect(second.body).toMatchObject({ resent: false, state: job["state"] });
    } else if (first.status === 200) {
      expect(second.body).toEqual(first.body);
    }
  });
});

test("what is unknown, elsewhere or no id at all is not found", async ({ expect }) => {
  await post("j1", { queue: "other" });
  for (const action of ["cancel", "resend", "delete"] as const) {
    for (const id of ["unknown", "a%20b", "%zz", "x".repeat(129), "j1?queue=default"]) {
      const [method, path] = actions[action]("ID");
      const [name, query = ""] = id.split("?");
      const answer = await stack.ask(method, `${path.replace("ID", name ?? "")}?${query}`);
      expect(answer, path).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
    const [method, path] = actions[action]("j1");
    for (const query of ["queue=a%20b", "queue=a&queue=b", "force=1"]) {
      const answer = await stack.ask(method, `${path}?${query}`);
      expect(answer, query).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    }
  }
  expect(await get("j1")).toMatchObject({ state: "queued", queue: "other" });
});

test("a job is found in the queue that is named, else in the only one that has it", async ({
  expect,
}) => {
  await post("j1", { queue: "a" });
  await post("j1", { queue: "b" });
  const path = "/v1/jobs/j1/cancel?queue=b";
  expect((await stack.ask("POST", path)).body).toMatchObject({ queue: "b", outcome: "cancelled" });
  expect((await stack.ask("GET", "/v1/jobs/j1?queue=a")).body).toMatchObject({ state: "queued" });
  expect((await act("cancel", "j1")).body).toMatchObject({ status: 400, code: "invalid_request" });
  const named = await stack.ask("POST", "/v1/jobs/j1/cancel?queue=a");
  expect(named.body).toMatchObject({ queue: "a", outcome: "cancelled" });
  expect((await stack.ask("DELETE", "/v1/jobs/j1?queue=a")).status).toBe(204);
  expect((await stack.ask("GET", "/v1/jobs/j1?queue=b")).status).toBe(200);
});

test("a job called batch can be managed as any other", async ({ expect }) => {
  await into.failed("batch");
  expect(await act("resend", "batch")).toMatchObject({ status: 202, body: { resent: true } });
  expect(await node.next()).toMatchObject({ id: "batch" });
  expect((await act("cancel", "batch")).body).toMatchObject({ outcome: "stopping" });
  await into.queued("x");
  expect(await act("delete", "batch")).toMatchObject(conflict);
  await node.close();
});

test("every character that an id may have can be in a path", async ({ expect }) => {
  const id = "a.b_c:d@e~f+g=h-1";
  await post(id, { delayMs: 60_000 });
  for (const form of [id, encodeURIComponent(id)]) {
    expect(await act("cancel", form)).toMatchObject({ status: 200, body: { id } });
  }
  expect((await act("delete", id)).status).toBe(204);
});

test("a cancelled job that waited never runs, and its result is recorded like others", async ({
  expect,
}) => {
  await into.queued("j1");
  await act("cancel", "j1");
  const running = await node.next();
  await node.finish(running);
  expect(await get("j1")).toMatchObject({
    state: "cancelled",
    node: null,
    deliveries: 0,
    recorded: false,
    error: { code: "cancelled", retryable: false },
  });
  const { value } = (await stack.maintenance.undelivered(["default"], 0, 10))[0] ?? {};
  expect(value).toHaveLength(2);
  await node.close();
});

test("a running job's node is told to stop, and a job cancelled at its end stays as it ended", async ({
  expect,
}) => {
  const control = createConnection(stack.server.url);
  await control.connect();
  const heard: string[] = [];
  control.on("message", (_channel, text: string) => heard.push(text));
  await control.subscribe("CHANNEL_CONTROL");
  await into.running("j1");
  const { id, token, ...envelope } = await node.next();
  await act("cancel", "j1");
  expect(await get("j1")).toMatchObject({ state: "running" });
  const again = await act("resend", "j1");
  expect(again).toMatchObject(conflict);
  expect(again.body["detail"]).toContain("j1 is being stopped");
  await node.finish({ id, token, ...envelope });
  expect(await get("j1")).toMatchObject({ state: "succeeded" });
  expect((await act("cancel", "j1")).body).toMatchObject({ outcome: "ended", state: "succeeded" });
  await control.unsubscribe();
  control.disconnect();
  expect(heard).toContainEqual(expect.stringContaining(`"cancel":"j1 ${token} 1"`));
  await node.close();
});

test("a job sent again has all its attempts, its payload and no deadline", async ({ expect }) => {
  await into.expired("j1");
  expect((await act("resend", "j1")).body).toEqual({ id: "j1", queue: "default", resent: true });
  expect(await node.next()).toMatchObject({ id: "j1", attempt: 1 });
  const job = await get("j1");
  expect(job).toMatchObject({ state: "running", retries: 0, deliveries: 1 });
  for (const gone of ["expiresAt", "finishedAt", "error"]) expect(job).not.toHaveProperty(gone);
  const { jobs } = (await stack.ask("GET", "/v1/jobs")).body;
  expect(jobs).toHaveLength(1);
  await node.close();
});

test("why a job failed is still known after it was sent again", async ({ expect }) => {
  await into.failed("j1");
  await into.cancelled("j2");
  await act("resend", "j1");
  await act("resend", "j2");
  expect(await get("j1")).toMatchObject({
    errors: [{ attempt: 1, node: "1", error: { code: "broken", message: "no", retryable: true } }],
  });
  expect(await get("j2")).not.toHaveProperty("errors");
  await node.close();
});

test("a job whose result was written in another order of fields is sent again too", async ({
  expect,
}) => {
  await into.running("j1");
  const { id, token } = await node.next();
  const error = { code: "broken", message: "no", retryable: true };
  const text = JSON.stringify({
    v: 1,
    id,
    state: "failed",
    error,
    name: "echo",
    queue: "default",
    node: "1",
    token,
    attempt: 1,
    durationMs: 5,
  });
  await stack.nodes.finish("default", [{ id, token, node: "1", state: "failed", text }], {
    nodes: [{ node: "1", mode: "take", waiting: false }],
    wasBusy: false,
  });
  await act("resend", "j1");
  expect(await stack.ask("GET", "/v1/jobs/j1")).toMatchObject({
    status: 200,
    body: { state: "running" },
  });
  await node.close();
});

test("a deleted id may be used again, for another job", async ({ expect }) => {
  await into.failed("j1");
  await act("delete", "j1");
  expect((await stack.ask("GET", "/v1/jobs/j1")).status).toBe(404);
  expect((await stack.ask("GET", "/v1/failed")).body["jobs"]).toEqual([]);
  expect((await post("j1", { name: "other" })).body).toMatchObject({ duplicate: false });
  const { jobs } = (await stack.ask("GET", "/v1/jobs")).body;
  expect(jobs).toMatchObject([{ id: "j1", name: "other", state: "running" }]);
  expect(jobs).toHaveLength(1);
  await node.close();
});
