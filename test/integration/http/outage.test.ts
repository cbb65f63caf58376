/** Redis away, hanging, full, or behind a gateway that is: 503, and afterwards all is as before. */
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { retryOnce } from "../../../functions/redis/retry-once.ts";
import { createUpstash } from "../../../functions/redis/upstash.ts";
import { SignalboxError } from "../../../protocol/error.ts";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import type { RedisPort } from "../../../protocol/redis/port.ts";
import { ask, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

/** The app over another port to Redis. */
function appOver(redis: RedisPort) {
  const { naming } = stack.deps.config;
  const ledger = createJobLedger({ redis, naming, timing: defaultTiming });
  const ping = async () => {
    await redis.send([{ command: ["PING"] }]);
  };
  return createApp({ ...stack.deps, ledger, ping });
}

function portTo(url: string, timeoutMs = 5_000, token = "gateway-token-0123456789"): RedisPort {
  return createUpstash({ url, token, timeoutMs });
}

const job = { name: "echo", id: "j1" };
const requests = [
  { method: "POST", path: "/v1/jobs", body: job },
  { method: "POST", path: "/v1/jobs/batch", body: { jobs: [job, { ...job, queue: "b" }] } },
  { method: "GET", path: "/v1/jobs/j1" },
  { method: "GET", path: "/v1/jobs/j1?wait=5" },
  { method: "GET", path: "/v1/jobs" },
  { method: "GET", path: "/v1/nodes" },
] as const;

test("while Redis is away every route says so, and then goes on", async ({ expect }) => {
  await stack.server.crash();
  for (const request of requests) {
    const answer = await ask(stack.app, request);
    expect(answer).toMatchObject({ status: 503, body: { code: "redis_unavailable" } });
    expect(answer.headers.get("retry-after")).toBe("2");
  }
  const health = await stack.ask("GET", "/healthz");
  expect(health).toMatchObject({
    status: 503,
    body: { status: "unavailable", code: "redis_unavailable" },
  });
  await stack.server.restart();
  while ((await stack.ask("GET", "/healthz")).status !== 200);
  expect(await stack.ask("POST", "/v1/jobs", job)).toMatchObject({
    status: 202,
    body: { duplicate: false },
  });
});

test("a Redis that hangs is given up on", async ({ expect }) => {
  const app = appOver(portTo(stack.gateway.url, 100));
  stack.server.pause();
  const answer = await ask(app, requests[0]);
  stack.server.resume();
  expect(answer).toMatchObject({
    status: 503,
    body: { code: "redis_unavailable", detail: expect.stringContaining("in time") as string },
  });
});

test("a REST API that cannot be reached is a Redis that cannot", async ({ expect }) => {
  const app = appOver(portTo("http://127.0.0.1:1"));
  for (const request of [requests[0], requests[1], requests[4]]) {
    expect(await ask(app, request)).toMatchObject({
      status: 503,
      body: { code: "redis_unavailable" },
    });
  }
});

test("a token that the REST API refuses is our mistake, and stays secret", async ({ expect }) => {
  const app = appOver(portTo(stack.gateway.url, 5_000, "quite-another-token"));
  const answer = await ask(app, requests[0]);
  expect(answer).toMatchObject({ status: 502, body: { code: "redis_refused" } });
  expect(JSON.stringify([answer.body, stack.logged])).not.toContain("quite-another-token");
});

test("a Redis that is full accepts no job and changes nothing", async ({ expect }) => {
  await stack.redis.config("SET", "maxmemory", "1");
  for (const request of requests.slice(0, 1)) {
    const answer = await ask(stack.app, request);
    expect(answer).toMatchObject({ status: 503, body: { code: "redis_unavailable" } });
    expect(answer.body["detail"]).toMatch(/OOM/);
    expect(answer.body["detail"]).not.toContain("j1");
  }
  await stack.redis.config("SET", "maxmemory", "0");
  expect(await stack.keys()).toBe(0);
});

test("a request whose answer was lost is repeated, and there is one job", async ({ expect }) => {
  const port = portTo(stack.gateway.url);
  let losses = 1;
  const lossy: RedisPort = {
    async send(calls) {
      const replies = await port.send(calls);
      if (losses-- > 0) throw new SignalboxError("redis_unavailable", "expected an answer");
      return replies;
    },
  };
  const app = appOver(retryOnce(lossy, () => Promise.resolve()));
  expect(await ask(app, requests[1])).toMatchObject({
    status: 202,
    body: {
      jobs: [
        { id: "j1", duplicate: true },
        { id: "j1", queue: "b" },
      ],
    },
  });
  expect((await stack.ask("GET", "/v1/jobs")).body["jobs"]).toHaveLength(2);

  losses = 2;
  expect(await ask(app, requests[0])).toMatchObject({ status: 503 });
  expect((await stack.ask("GET", "/v1/jobs")).body["jobs"]).toHaveLength(2);
});
