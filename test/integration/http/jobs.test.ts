import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { clientToken, joinNode, read, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

test("a job without a free node waits, and the answer says so", async ({ expect }) => {
  const answer = await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1", payload: [1] });
  expect(answer.status).toBe(202);
  expect(answer.body).toEqual({
    id: "j1",
    state: "queued",
    node: null,
    delivered: false,
    queue: "default",
    duplicate: false,
  });
  expect(answer.headers.get("location")).toBe("/v1/jobs/j1?queue=default");
  expect(stack.sent).toHaveLength(1);
});

test("a job goes to a free node in the same round trip", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  const answer = await stack.ask("POST", "/v1/jobs", {
    name: "page.fetch",
    payload: { url: "é\u{1F682}" },
    attempts: 5,
    timeoutMs: 2_000,
  });
  expect(answer.body).toMatchObject({ state: "running", node: "1", delivered: true });
  expect(stack.sent).toHaveLength(1);
  expect(await node.next()).toMatchObject({
    id: answer.body["id"],
    name: "page.fetch",
    payload: { url: "é\u{1F682}" },
    attempts: 5,
    timeoutMs: 2_000,
  });
  await node.close();
});

test("a job for a node that does not listen is kept for it", async ({ expect }) => {
  const job = { name: "echo", id: "j1", node: "9" };
  const answer = await stack.ask("POST", "/v1/jobs", job);
  expect(answer.body).toMatchObject({ state: "queued", node: "9", delivered: false });
  const node = await joinNode(stack, { name: "9" });
  expect(await node.next()).toMatchObject({ id: "j1" });
  await node.close();
});

test("the same id again is the same job; other content is refused", async ({ expect }) => {
  const job = { name: "echo", id: "j1", payload: { a: 1, b: [null, "x"] } };
  await stack.ask("POST", "/v1/jobs", job);
  const again = await stack.ask("POST", "/v1/jobs", { ...job, payload: { b: [null, "x"], a: 1 } });
  expect(again.status).toBe(202);
  expect(again.body).toMatchObject({ id: "j1", state: "queued", duplicate: true });

  const others = [
    { ...job, payload: { a: 2, b: [null, "x"] } },
    { ...job, name: "other" },
    { ...job, node: "1" },
    { ...job, attempts: 7 },
    { ...job, timeoutMs: 7 },
    { name: "echo", id: "j1" },
  ];
  for (const other of others) {
    const refused = await stack.ask("POST", "/v1/jobs", other);
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({ code: "id_conflict", status: 409 });
  }
  const list = await stack.ask("GET", "/v1/jobs");
  expect(list.body["jobs"]).toHaveLength(1);
});

test("the same id sent many times concurrently makes one job", async ({ expect }) => {
  const job = { name: "echo", id: "j1" };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => stack.ask("POST", "/v1/jobs", job)),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
  expect(answers.filter(({ body }) => body["duplicate"] === false)).toHaveLength(1);
  expect((await stack.ask("GET", "/v1/jobs")).body["jobs"]).toHaveLength(1);
});

test("a repetition is answered with the state as it is by then", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  const job = { name: "echo", id: "j1" };
  await stack.ask("POST", "/v1/jobs", job);
  await node.finish(await node.next());
  const again = await stack.ask("POST", "/v1/jobs", job);
  expect(again.body).toMatchObject({ state: "succeeded", node: "1", duplicate: true });
  await node.close();
});

test("Idempotency-Key is the id of a job that has none", async ({ expect }) => {
  const post = async (key: string, body: unknown) =>
    read(
      await stack.app.request("/v1/jobs", {
        method: "POST",
        headers: { authorization: `bearer ${clientToken}`, "idempotency-key": key },
        body: JSON.stringify(body),
      }),
    );
  expect((await post("key-1", { name: "echo" })).body).toMatchObject({ id: "key-1" });
  expect((await post("key-1", { name: "echo" })).body).toMatchObject({ duplicate: true });
  expect((await post("key-1", { name: "echo", id: "j1" })).body).toMatchObject({ id: "j1" });
  expect((await post("a key", { name: "echo" })).status).toBe(400);
});

test("a batch with Idempotency-Key is refused unless each job has an id", async ({ expect }) => {
  const post = async (...jobs: object[]) =>
    read(
      await stack.app.request("/v1/jobs/batch", {
        method: "POST",
        headers: { authorization: `bearer ${clientToken}`, "idempotency-key": "key-1" },
        body: JSON.stringify({ jobs }),
      }),
    );
  const refused = await post({ name: "echo", id: "j1" }, { name: "echo" });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(refused.body["detail"]).toMatch(/^jobs\.1\.id: expected an id/);
  expect(await stack.keys()).toBe(0);
  expect(await post({ name: "echo", id: "j1" })).toMatchObject({ status: 202 });
});

test("1,000 jobs take one round trip and are answered in order", async ({ expect }) => {
  const jobs = Array.from({ length: 1_000 }, (_, at) => ({
    name: "echo",
    id: `j${at}`,
    payload: { at },
    ...(at % 3 === 0 ? { queue: "other" } : {}),
    ...(at % 10 === 0 ? { node: "1" } : {}),
  }));
  const answer = await stack.ask("POST", "/v1/jobs/batch", { jobs });
  expect(answer.status).toBe(202);
  expect(answer.body["jobs"]).toEqual(
    jobs.map(({ id, queue = "default", node = null }) => ({
      id,
      state: "queued",
      node,
      delivered: false,
      queue,
      duplicate: false,
    })),
  );
  expect(stack.sent).toHaveLength(1);
});

test("in a batch each job is answered for itself", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "taken" });
  const { status, body } = await stack.ask("POST", "/v1/jobs/batch", {
    jobs: [
      { name: "echo", id: "a" },
      { name: "other", id: "taken" },
      { name: "echo", id: "a" },
      { name: "echo", id: "a", payload: 1 },
      { name: "echo" },
    ],
  });
  expect(status).toBe(202);
  expect(body["jobs"]).toMatchObject([
    { id: "a", duplicate: false },
    { id: "taken", error: { code: "id_conflict" } },
    { id: "a", duplicate: true },
    { id: "a", error: { code: "id_conflict" } },
    { state: "queued", duplicate: false },
  ]);
});

test("a batch with one bad job changes nothing", async ({ expect }) => {
  const jobs = [{ name: "echo" }, { name: "no spaces" }];
  const answer = await stack.ask("POST", "/v1/jobs/batch", { jobs });
  expect(answer.status).toBe(400);
  expect(answer.body["errors"]).toMatchObject([{ path: "jobs.1.name" }]);
  expect(await stack.keys()).toBe(0);
});

test("a job is read with what it was, where it ran and how it ended", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1", payload: null });
  const running = await stack.ask("GET", "/v1/jobs/j1");
  expect(running.status).toBe(200);
  expect(running.body).toEqual({
    id: "j1",
    name: "echo",
    queue: "default",
    state: "running",
    node: "1",
    retries: 0,
    deliveries: 1,
    recorded: false,
    payload: null,
    acceptedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
  });

  await node.finish(await node.next(), { state: "succeeded", result: { big: 12.5, list: [] } });
  const ended = await stack.ask("GET", "/v1/jobs/j1");
  expect(ended.body).toMatchObject({
    state: "succeeded",
    result: { big: 12.5, list: [] },
    durationMs: 5,
    recorded: false,
    finishedAt: expect.stringMatching(/Z$/) as string,
  });
  await node.close();
});

test("a failure is read with its code", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const error = { code: "handler_failed", message: "no", retryable: false };
  await node.finish(await node.next(), { state: "failed", error });
  const { body } = await stack.ask("GET", "/v1/jobs/j1");
  expect(body).toMatchObject({ state: "failed", error });
  expect(body).not.toHaveProperty("result");
  await node.close();
});

test("a job is found in any queue, and in one round trip where it is named", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "batch", queue: "slow" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j2", queue: "fast" });
  expect((await stack.ask("GET", "/v1/jobs/batch")).body).toMatchObject({ queue: "slow" });
  stack.sent.length = 0;
  expect((await stack.ask("GET", "/v1/jobs/j2?queue=fast")).body).toMatchObject({ id: "j2" });
  expect(stack.sent).toHaveLength(1);
  expect((await stack.ask("GET", "/v1/jobs/j2?queue=slow")).status).toBe(404);
});

test("without its queue an id is refused that two queues have, so that none can be planted", async ({
  expect,
}) => {
  const post = (id: string, queue: string) =>
    stack.ask("POST", "/v1/jobs", { name: "echo", id, queue, payload: queue });
  for (const [id, queues] of [
    ["planted", ["pay", "default"]],
    ["early", ["pay", "early"]],
    ["late", ["pay", "zz"]],
    ["many", ["b", "c", "pay"]],
  ] as const) {
    for (const queue of queues) expect((await post(id, queue)).status).toBe(202);
    for (const [method, path] of [
      ["GET", `/v1/jobs/${id}`],
      ["GET", `/v1/jobs/${id}?wait=1`],
      ["GET", `/v1/jobs/${id}/events`],
      ["POST", `/v1/jobs/${id}/cancel`],
      ["POST", `/v1/jobs/${id}/resend`],
      ["DELETE", `/v1/jobs/${id}`],
    ] as const) {
      const { status, body } = await stack.ask(method, path);
      expect([method, path, status]).toEqual([method, path, 400]);
      expect(body["detail"]).toMatch(
        /^queue: expected the name of a queue, since \w+ and \w+ each/,
      );
    }
    const own = await stack.ask("GET", `/v1/jobs/${id}?queue=pay`);
    expect(own.body).toMatchObject({ id, queue: "pay", payload: "pay", state: "queued" });
  }
  await post("alone", "pay");
  expect((await stack.ask("GET", "/v1/jobs/alone")).body).toMatchObject({ queue: "pay" });
});

test.for(["-", ".", "..", ""])("%j is no id of a job", async (id, { expect }) => {
  const one = await stack.ask("POST", "/v1/jobs", { name: "echo", id });
  const many = await stack.ask("POST", "/v1/jobs/batch", { jobs: [{ name: "echo", id }] });
  const failed = await stack.ask("POST", "/v1/failed/resend", { ids: [id] });
  for (const answer of [one, many, failed])
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect((await stack.ask("POST", "/v1/jobs", { name: "echo", id: "--" })).status).toBe(202);
});

test("an answer repeats little of what came, however much that was", async ({ expect }) => {
  const long = "k".repeat(200_000);
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`key${at}`, 1]));
  const refused = [
    await stack.ask("POST", "/v1/jobs", { name: "echo", [long]: 1 }),
    await stack.ask("POST", "/v1/jobs", { name: "echo", ...many }),
    await stack.ask("POST", "/v1/jobs", { name: "echo", backoff: { [long]: 1 } }),
    await stack.ask("POST", "/v1/jobs/batch", { jobs: [{ name: "echo", ...many }] }),
    await stack.ask("POST", "/v1/schedules/preview", { [long]: 1 }),
    await stack.ask("POST", "/v1/failed/resend", { ...many }),
    await stack.ask("GET", `/v1/jobs?${long}=1`),
    await stack.ask("GET", `/v1/jobs?${long}=1&${long}=2`),
    await stack.ask("POST", `/v1/jobs?${long}=1`, { name: "echo" }),
    await stack.ask("GET", `/v1/${long}`),
    await stack.ask("PUT", `/v1/jobs/${long}`),
  ];
  for (const { status, body } of refused) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(body).length).toBeLessThan(5_000);
  }
  expect(refused[1]?.body["detail"]).toMatch(/got also "key0", .* and 19995 more$/);
});
