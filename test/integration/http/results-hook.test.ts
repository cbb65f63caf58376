/** The `onResult` hook: what it refuses, what it is too slow for, and that this holds up nothing else. */
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { deliverResults } from "../../../functions/results/deliver.ts";
import type { ResultMessage } from "../../../protocol/wire/messages.ts";
import {
  type Answer,
  joinNode,
  read,
  signingSecret,
  type Stack,
  startStack,
} from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

/** Signs as the public library does and posts. */
async function deliver(body: string, { app = stack.app } = {}): Promise<Answer> {
  const at = new Date();
  const response = await app.request("/v1/results", {
    method: "POST",
    headers: {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(signingSecret).sign("msg_1", at, body),
    },
    body,
  });
  return read(response);
}

/** A job that has ended on node 1, and what its subscriber delivers. */
async function endedJob(id: string): Promise<{ readonly queue: string; readonly entry: string }> {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id });
  const entry = await node.finish(await node.next());
  await node.close();
  return { queue: "default", entry };
}

const result: ResultMessage = {
  v: 1,
  id: "j1",
  name: "echo",
  queue: "default",
  node: "1",
  token: "1-0.1",
  attempt: 1,
  state: "succeeded",
  result: "é\u{1F682}",
};
const bodyOf = (...deliveries: object[]) =>
  JSON.stringify({ deliveries: deliveries.map((each) => ({ results: [result], ...each })) });

test.for([
  [() => Promise.reject(new Error("")), "Error"],
  [() => Promise.reject(new TypeError("no table")), "no table"],
  [() => Promise.reject(new AggregateError([], "both")), "both"],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- hooks do
  [() => Promise.reject({ code: "SQLITE_BUSY" }), '{"code":"SQLITE_BUSY"}'],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- hooks do
  [() => Promise.reject(undefined), "undefined"],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- hooks do
  [() => Promise.reject(Object.create(null)), "{}"],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- hooks do
  [() => Promise.reject(1n), "1"],
  [
    () => {
      throw new Error("before it began");
    },
    "before it began",
  ],
] as const)(
  "whatever the hook throws is named as its own: %#",
  async ([hook, said], { expect }) => {
    const app = createApp({ ...stack.deps, onResult: hook });
    expect(await deliver(bodyOf(await endedJob("j1")), { app })).toMatchObject({
      status: 200,
      body: { recorded: 0, refused: [{ results: [0] }] },
    });
    expect(stack.logged).toMatchObject([{ reason: `onResult threw: ${said}`, count: 1 }]);
  },
);

test("what the hook accepts of an entry is recorded, and what it refuses waits behind all others", async ({
  expect,
}) => {
  const ids = ["a", "b", "c", "d"];
  const node = await joinNode(stack, { name: "1", slots: 4 });
  await stack.ask("POST", "/v1/jobs/batch", { jobs: ids.map((id) => ({ name: "echo", id })) });
  const endings = [];
  for (const id of ids) {
    const { token } = await node.next();
    const text = JSON.stringify({ ...result, id, token });
    endings.push({ id, token, node: "1", state: "succeeded", text } as const);
  }
  const { entry } = await stack.nodes.finish("default", endings, {
    nodes: [{ node: "1", mode: "take", waiting: false }],
    wasBusy: false,
  });
  const later = await stack.ask("POST", "/v1/jobs", { name: "echo", id: "later" });
  expect(later.status).toBe(202);
  await node.finish(await node.next());
  await node.close();
  const before = await stack.ask("GET", "/v1/jobs/c");

  const results = ids.map((id) => ({ ...result, id }));
  const app = createApp({
    ...stack.deps,
    onResult: ({ id }) => (id === "c" ? Promise.reject(new Error("no")) : Promise.resolve()),
  });
  const body = bodyOf({ queue: "default", entry, results });
  const answer = await deliver(body, { app });
  const [refused] = answer.body["refused"] as readonly { readonly now: string }[];
  expect(answer).toMatchObject({
    status: 200,
    body: { recorded: 0, refused: [{ queue: "default", entry, results: [2] }] },
  });
  for (const id of ids) {
    const { recorded } = (await stack.ask("GET", `/v1/jobs/${id}`)).body;
    expect([id, recorded]).toEqual([id, id !== "c"]);
  }
  const after = await stack.ask("GET", "/v1/jobs/c");
  expect(after.body).toEqual(before.body);
  const [waiting] = await stack.maintenance.undelivered(["default"], 0, 10);
  expect(waiting?.value.map(({ entry: each }) => each).at(-1)).toBe(refused?.now);
  expect(waiting?.value).toHaveLength(2);

  // A repetition, as after a lost answer, shows the hook all of them again and changes nothing more.
  const repeated = await deliver(body, { app });
  expect(repeated.body).toEqual({ recorded: 0 });
  const moved = bodyOf({ queue: "default", entry: refused?.now, results: [results[2]] });
  expect((await deliver(moved)).body).toEqual({ recorded: 1 });
  expect((await stack.ask("GET", "/v1/jobs/c")).body).toMatchObject({ recorded: true });
});

test("a hook that is slow is shown what there is time for, and the rest is said to be left", async ({
  expect,
}) => {
  const delivery = await endedJob("j1");
  const results = Array.from({ length: 40 }, (_, at) => ({ ...result, id: `r${at}` }));
  const seen: string[] = [];
  let underWay = 0;
  let most = 0;
  const report = await deliverResults(
    {
      maintenance: stack.maintenance,
      outboxMs: 1_000_000,
      onResult: async ({ id }) => {
        seen.push(id);
        most = Math.max(most, ++underWay);
        await stack.redis.wait(1, 20); // no replica: 20 ms
        underWay--;
      },
    },
    [{ ...delivery, results }],
    { limits: { concurrency: 4, startWithinMs: 60, endWithinMs: 10_000 } },
  );
  const left = report.left[0]?.results ?? [];
  expect(most).toBeLessThanOrEqual(4);
  expect(left.length).toBeGreaterThan(0);
  expect(seen.length + left.length).toBe(40);
  expect(new Set(seen).size).toBe(seen.length);
  expect(left.map((at) => `r${at}`)).toEqual(
    results.map(({ id }) => id).filter((id) => !seen.includes(id)),
  );
});

test("a hook that never answers refuses its own result alone", async ({ expect }) => {
  const [first, second] = [await endedJob("j1"), await endedJob("j2")];
  const report = await deliverResults(
    {
      maintenance: stack.maintenance,
      outboxMs: 1_000_000,
      onResult: ({ id }) => (id === "j1" ? new Promise(() => undefined) : Promise.resolve()),
    },
    [
      { ...first, results: [result] },
      { ...second, results: [{ ...result, id: "j2" }] },
    ],
    { limits: { concurrency: 2, startWithinMs: 50, endWithinMs: 100 } },
  );
  expect(report).toMatchObject({
    recorded: 1,
    refused: [{ ...first, results: [0] }],
    failures: [{ reason: expect.stringMatching(/^onResult took longer than/) as string }],
  });
});
