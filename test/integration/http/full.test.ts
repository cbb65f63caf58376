/** A Redis that refuses to write, full or a replica: 503, nothing half done, and then it goes on. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { joinNode, type Stack, startStack, type TestNode } from "../../support/http-app.ts";
import { until } from "../../support/until.ts";

let stack: Stack;
let node: TestNode;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

const dedupe = { key: "k", windowMs: 60_000 };
const post = (body: object) => stack.ask("POST", "/v1/jobs", { name: "echo", ...body });

/** The gateway connects again after each answer of a replica. */
const reconnected = () =>
  until(async () => (await stack.ask("GET", "/healthz")).status === 200, {
    or: "the gateway to be back",
  });

/** One job in each of the states that the routes act on. */
beforeEach(async () => {
  await stack.reset();
  await reconnected();
  node = await joinNode(stack, { name: "1" });
  await post({ id: "failed", attempts: 1 });
  const error = { code: "broken", message: "no", retryable: false };
  await node.finish(await node.next(), { state: "failed", error });
  await post({ id: "running" });
  await post({ id: "queued", dedupe, ttlMs: 60_000 });
  await post({ id: "delayed", delayMs: 60_000 });
  return () => node.close();
});

/** All that Redis holds, in an order of its own. */
async function contents(): Promise<unknown> {
  const keys = (await stack.redis.keys("*")).sort();
  const held: unknown[] = [];
  for (const key of keys) {
    const kind = await stack.redis.type(key);
    const [read, ...range] =
      {
        hash: ["HGETALL"],
        set: ["SMEMBERS"],
        list: ["LRANGE", "0", "-1"],
        string: ["GET"],
        zset: ["ZRANGE", "0", "-1", "WITHSCORES"],
        stream: ["XRANGE", "-", "+"],
      }[kind] ?? [];
    const found = await stack.redis.call(read ?? "", key, ...range);
    held.push([key, kind === "hash" || kind === "set" ? [...(found as string[])].sort() : found]);
  }
  return held;
}

const job = { name: "echo", id: "new" };
const many = Array.from({ length: 100 }, (_, at) => ({ name: "echo", id: `new-${at}` }));
const writes = [
  ["accept a job", "POST", "/v1/jobs", job],
  ["accept a job in a new queue", "POST", "/v1/jobs", { ...job, queue: "new" }],
  ["accept a job for a node that nobody knows", "POST", "/v1/jobs", { ...job, node: "9" }],
  ["accept a delayed job", "POST", "/v1/jobs", { ...job, delayMs: 5, ttlMs: 5 }],
  ["take a deduplication key", "POST", "/v1/jobs", { ...job, dedupe: { ...dedupe, key: "l" } }],
  [
    "replace a waiting job",
    "POST",
    "/v1/jobs",
    { ...job, payload: 7, dedupe: { ...dedupe, mode: "replace" } },
  ],
  [
    "debounce a waiting job",
    "POST",
    "/v1/jobs",
    { ...job, payload: 7, dedupe: { ...dedupe, mode: "debounce" } },
  ],
  ["accept a batch", "POST", "/v1/jobs/batch", { jobs: many }],
  [
    "accept a batch for several queues",
    "POST",
    "/v1/jobs/batch",
    { jobs: [job, { ...job, queue: "a" }, { ...job, queue: "b" }] },
  ],
  ["send a job again", "POST", "/v1/jobs/failed/resend", undefined],
  ["send jobs again by id", "POST", "/v1/failed/resend", { ids: ["failed"] }],
  ["send jobs again by filter", "POST", "/v1/failed/resend", { code: "broken" }],
] as const;
const frees = [
  ["cancel a waiting job", "POST", "/v1/jobs/queued/cancel", undefined],
  ["cancel a delayed job", "POST", "/v1/jobs/delayed/cancel", undefined],
  ["stop a running job", "POST", "/v1/jobs/running/cancel", undefined],
  ["delete a job", "DELETE", "/v1/jobs/failed", undefined],
  ["delete failed jobs", "POST", "/v1/failed/delete", {}],
] as const;
const reads = ["/v1/jobs", "/v1/jobs/queued", "/v1/failed", "/v1/nodes", "/healthz"];

const full = {
  begin: () => stack.redis.config("SET", "maxmemory", "1"),
  end: () => stack.redis.config("SET", "maxmemory", "0"),
};
const replica = {
  // It keeps what it has, since its master is never found.
  begin: () => stack.redis.call("REPLICAOF", "127.0.0.1", "1"),
  end: () => stack.redis.call("REPLICAOF", "NO", "ONE"),
};

describe("a full Redis", () => {
  test.for(writes)("does not %s", async ([, method, path, body], { expect }) => {
    const before = await contents();
    await full.begin();
    const answer = await stack.ask(method, path, body);
    expect(await contents()).toEqual(before);
    await full.end();
    expect(answer).toMatchObject({ status: 503, body: { code: "redis_unavailable" } });
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(answer.body["detail"]).toMatch(/^expected a Redis that can serve, it says: OOM /);
    expect((await stack.ask(method, path, body)).status).toBe(202);
  });

  test.for(frees)("lets its users make room: %s", async ([, method, path, body], { expect }) => {
    await full.begin();
    const answer = await stack.ask(method, path, body);
    await full.end();
    expect(answer.status).toBeLessThan(300);
  });

  test("is still read, and its jobs still end", async ({ expect }) => {
    const envelope = await node.next();
    await full.begin();
    for (const path of reads) expect((await stack.ask("GET", path)).status).toBe(200);
    await node.finish(envelope);
    await full.end();
    expect((await stack.ask("GET", "/v1/jobs/running")).body).toMatchObject({ state: "succeeded" });
  });
});

describe("a replica", () => {
  test.for([...writes, ...frees])("does not %s", async ([, method, path, body], { expect }) => {
    const before = await contents();
    await replica.begin();
    const answer = await stack.ask(method, path, body);
    expect(await contents()).toEqual(before);
    await replica.end();
    expect(answer).toMatchObject({ status: 503, body: { code: "redis_unavailable" } });
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(answer.body["detail"]).toMatch(/^expected a Redis that can serve, it says: READONLY /);
    await reconnected();
    expect((await stack.ask(method, path, body)).status).toBeLessThan(300);
  });

  test("is still read", async ({ expect }) => {
    await replica.begin();
    for (const path of reads) expect((await stack.ask("GET", path)).status).toBe(200);
    await replica.end();
  });
});
