/** The Worker as it is deployed, inside workerd: only what that runtime can break. */
import { env, exports } from "cloudflare:workers";
import { test } from "vitest";
import { createClient } from "../../client/client.ts";
import { createUpstash } from "../../functions/redis/upstash.ts";
import worker from "../../functions/worker.ts";
import { defaultTiming } from "../../protocol/ledger/binding.ts";
import { createNodeLedger } from "../../protocol/ledger/nodes.ts";
import { defaultNaming } from "../../protocol/redis/keys.ts";
import { importSigningKeys } from "../../protocol/signing/keys.ts";
import { sign } from "../../protocol/signing/webhook.ts";
import { readEvents } from "../support/event-stream.ts";

interface Bindings {
  /** For acting as a node. */
  readonly NODE_REST_URL: string;
  readonly UPSTASH_REDIS_REST_TOKEN: string;
  readonly SIGNALBOX_SIGNING_SECRET: string;
}
const bindings = env as typeof env & Bindings;
const headers = { authorization: "Bearer client-token-0123456789" };

const redis = () =>
  createUpstash({
    url: bindings.NODE_REST_URL,
    token: bindings.UPSTASH_REDIS_REST_TOKEN,
    timeoutMs: 5_000,
  });

async function ask(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const response = await exports.default.fetch(`http://signalbox.test${path}`, {
    headers,
    ...init,
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { ...body, httpStatus: response.status };
}

function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  return ask(path, { method: "POST", body: JSON.stringify(body) });
}

test("the runtime reaches Redis and says so", async ({ expect }) => {
  expect(await ask("/healthz")).toEqual({ status: "ok", httpStatus: 200 });
});

test("a job is accepted and read through the bindings", async ({ expect }) => {
  const job = {
    name: "echo",
    id: "accepted",
    payload: { text: "é\u{1F682}", ok: "OK", b64: "T0s=" },
  };
  expect(await post("/v1/jobs", job)).toMatchObject({ httpStatus: 202, state: "queued" });
  expect(await ask("/v1/jobs/accepted")).toMatchObject({ httpStatus: 200, payload: job.payload });
});

test("the client dispatches from inside the runtime", async ({ expect }) => {
  const client = createClient({
    url: "http://signalbox.test",
    token: "client-token-0123456789",
    fetch: (url, init) => exports.default.fetch(url, init),
  });
  const { id } = await client.dispatch({ name: "echo", payload: { text: "hello" } });
  expect(await client.get(id)).toMatchObject({ state: "queued", payload: { text: "hello" } });
});

test("two requests share nothing", async ({ expect }) => {
  const jobs = Array.from({ length: 10 }, (_, at) => ({ name: "echo", id: `parallel-${at}` }));
  const answers = await Promise.all(jobs.map((job) => post("/v1/jobs", job)));
  expect(answers.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
});

test("a body is counted while it streams, without its length being said", async ({ expect }) => {
  let pulled = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += 1;
      controller.enqueue(new Uint8Array(100_000).fill(0x20));
    },
    cancel() {
      isCancelled = true;
    },
  });
  const answer = await ask("/v1/jobs", { method: "POST", body });
  expect(answer).toMatchObject({ httpStatus: 413, code: "body_too_large" });
  // The rest is received and dropped for a while, for its sender to see the answer.
  expect(pulled).toBeLessThan(350);
  expect(isCancelled).toBe(true);
});

test("a wait ends by an event that comes over the stream", async ({ expect }) => {
  await post("/v1/jobs", { name: "echo", id: "waited", queue: "waiting" });
  const port = redis();
  const nodes = createNodeLedger({ redis: port, naming: defaultNaming, timing: defaultTiming });
  const answer = ask("/v1/jobs/waited?queue=waiting&wait=25");
  // Published until somebody listens: that is the wait.
  const channel = "CHANNEL_RESULT";
  while ((await port.send([{ command: ["PUBLISH", channel, '{"id":"other"}'] }]))[0] === 0);
  const [token] = await deliver(port, "waited");
  const text = JSON.stringify({
    v: 1,
    id: "waited",
    name: "echo",
    queue: "waiting",
    node: "1",
    token,
    attempt: 1,
    state: "succeeded",
    result: 42,
  });
  await nodes.finish(
    "waiting",
    [{ id: "waited", token: token ?? "", node: "1", state: "succeeded", text }],
    { nodes: [], wasBusy: false },
  );
  expect(await answer).toMatchObject({ httpStatus: 200, state: "succeeded", result: 42 });
});

test("what happens to a job is streamed as it happens, and the stream ends", async ({ expect }) => {
  await post("/v1/jobs", { name: "echo", id: "watched", queue: "waiting" });
  const port = redis();
  const nodes = createNodeLedger({ redis: port, naming: defaultNaming, timing: defaultTiming });
  const response = await exports.default.fetch(
    "http://signalbox.test/v1/jobs/watched/events?queue=waiting",
    { headers },
  );
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const events = readEvents(response);
  expect(await events.next()).toMatchObject({ event: "state", data: { state: "queued" } });
  const [token = ""] = await deliver(port, "watched");
  const attempt = { node: "1", attempt: 1, token };
  const report = { ...attempt, progress: 0.5, moved: true as const };
  expect(await nodes.report("waiting", "watched", report, 60_000)).toBe(true);
  expect(await events.take(2)).toMatchObject([
    { event: "state", data: { state: "running", node: "1" } },
    { event: "progress", data: { progress: 0.5, attempt: 1 } },
  ]);
  const text = JSON.stringify({
    v: 1,
    id: "watched",
    name: "echo",
    queue: "waiting",
    ...attempt,
    state: "succeeded",
    result: 42,
  });
  await nodes.finish("waiting", [{ id: "watched", token, node: "1", state: "succeeded", text }], {
    nodes: [],
    wasBusy: false,
  });
  expect(await events.rest()).toMatchObject([
    { event: "state", data: { state: "succeeded" } },
    { event: "result", data: { result: 42 } },
  ]);
});

/** Gives a waiting job a lease, as a delivery does: nobody in here can listen as a node. */
async function deliver(port: ReturnType<typeof redis>, id: string): Promise<readonly string[]> {
  const key = "signalbox:{waiting}:";
  const [record] = await port.send([{ command: ["HGET", `${key}jobs`, id] }]);
  const accepted = String(record).split(" ")[1] ?? "";
  const token = `${accepted}.1`;
  const lease = ["ZADD", `${key}leases`, "9999999999999", `${id} ${token} 1`] as const;
  await port.send([{ command: [...lease] }]);
  return [token];
}

test("a signature is verified by the runtime's own cryptography", async ({ expect }) => {
  const keys = await importSigningKeys(bindings.SIGNALBOX_SIGNING_SECRET);
  const results = [
    {
      v: 1,
      id: "x",
      name: "echo",
      queue: "q",
      node: "1",
      token: "1-0.1",
      attempt: 1,
      state: "failed",
    },
  ];
  const body = JSON.stringify({ deliveries: [{ queue: "q", entry: "1-0", results }] });
  const signed = await sign(keys, { id: "msg_1", body, nowMs: Date.now() });
  const deliver = (text: string) =>
    ask("/v1/results", { method: "POST", headers: { ...signed }, body: text });
  expect(await deliver(body)).toEqual({ httpStatus: 200, recorded: 0 });
  expect(await deliver(`${body} `)).toMatchObject({ httpStatus: 401, code: "signature_invalid" });
});

test("the cron trigger runs the tick, twice to the same effect", async ({ expect }) => {
  const schedule = { cron: "* * * * * *", timeZone: "Asia/Kolkata", name: "second", count: 1 };
  const put = { method: "PUT", body: JSON.stringify(schedule) };
  expect(await ask("/v1/schedules/each", put)).toMatchObject({ httpStatus: 201, state: "active" });
  const scheduledTime = Date.now();
  let jobs: unknown = [];
  while (Array.isArray(jobs) && jobs.length === 0) {
    await Promise.all([
      worker.scheduled({ scheduledTime }, bindings),
      worker.scheduled({ scheduledTime }, bindings),
    ]);
    ({ jobs } = await ask("/v1/jobs?name=second"));
  }
  expect(jobs).toMatchObject([{ name: "second", state: "queued" }]);
  expect(await ask("/v1/schedules/each")).toMatchObject({ state: "ended", runs: 1 });
});

test("a Worker without its secrets names them on every path", async ({ expect }) => {
  for (const path of ["/healthz", "/v1/jobs", "/"]) {
    const request = new Request(`http://signalbox.test${path}`);
    const response = await worker.fetch(request, { ...bindings, SIGNALBOX_TOKEN: "short" });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      code: "config_invalid",
      detail: "SIGNALBOX_TOKEN: expected a token of at least 16 characters",
    });
  }
  await expect(
    worker.scheduled({ scheduledTime: 0 }, { ...bindings, SIGNALBOX_TOKEN: "short" }),
  ).rejects.toMatchObject({ code: "config_invalid" });
});
