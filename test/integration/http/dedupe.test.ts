/** Deduplication by key and by content, in its four modes. */
import { once } from "node:events";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { joinNode, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const minute = 60_000;
type Mode = "reject" | "return" | "replace" | "debounce";
const modes: readonly Mode[] = ["reject", "return", "replace", "debounce"];

function job(id: string, mode: Mode | undefined, more: object = {}) {
  const dedupe = { key: "k", windowMs: minute, ...(mode === undefined ? {} : { mode }) };
  return { name: "echo", id, payload: id, dedupe, ...more };
}
const post = (body: object) => stack.ask("POST", "/v1/jobs", body);
const batch = async (...jobs: object[]) =>
  (await stack.ask("POST", "/v1/jobs/batch", { jobs })).body["jobs"];
const get = async (id: string) => (await stack.ask("GET", `/v1/jobs/${id}`)).body;
const ids = async () =>
  ((await stack.ask("GET", "/v1/jobs")).body["jobs"] as { id: string }[]).map(({ id }) => id);

test("a key is free for the first job, in every mode", async ({ expect }) => {
  for (const mode of modes) {
    const { status, body } = await post(job(mode, mode, { queue: mode }));
    expect(status).toBe(202);
    expect(body).toMatchObject({ id: mode, duplicate: false });
    expect(body).not.toHaveProperty("deduplicated");
  }
});

test("return answers with the job that holds the key, and is the default", async ({ expect }) => {
  await post(job("first", "return"));
  for (const mode of ["return", undefined] as const) {
    const answer = await post(job("second", mode));
    expect(answer).toMatchObject({
      status: 202,
      body: { id: "first", state: "queued", duplicate: true, deduplicated: "returned" },
    });
    expect(answer.headers.get("location")).toBe("/v1/jobs/first?queue=default");
  }
  expect((await stack.ask("GET", "/v1/jobs/second")).status).toBe(404);
  expect(await get("first")).toMatchObject({ payload: "first" });
});

test("the answer says where the job is that holds the key, not where the other was to go", async ({
  expect,
}) => {
  await post(job("first", "return"));
  const other = job("second", "return", { node: "7" });
  expect((await post(other)).body).toMatchObject({ id: "first", node: null, delivered: false });
  await stack.ask("POST", "/v1/jobs/first/cancel");
  expect((await post(other)).body).toMatchObject({
    state: "cancelled",
    node: null,
    delivered: false,
  });
});

test("reject answers 409 and names the job that holds the key", async ({ expect }) => {
  await post(job("first", "reject"));
  const answer = await post(job("second", "reject"));
  expect(answer).toMatchObject({ status: 409, body: { code: "key_held", status: 409 } });
  expect(answer.body["detail"]).toMatch(/^expected .*job first holds/);
  expect(answer.headers.get("location")).toBeNull();
  expect(await ids()).toEqual(["first"]);
});

test("replace gives the waiting job new content and leaves it its place", async ({ expect }) => {
  await post(job("first", "replace", { attempts: 2 }));
  await post({ name: "echo", id: "behind" });
  const more = { name: "other", payload: { new: true }, attempts: 5, timeoutMs: 7 };
  expect((await post(job("second", "replace", more))).body).toMatchObject({
    id: "first",
    state: "queued",
    duplicate: true,
    deduplicated: "replaced",
  });
  expect(await get("first")).toMatchObject({ name: "other", payload: { new: true } });
  const node = await joinNode(stack, { name: "1", slots: 2 });
  expect(await node.next()).toMatchObject({ id: "first", ...more });
  expect(await node.next()).toMatchObject({ id: "behind" });
  expect(await ids()).toEqual(["behind", "first"]);
  await node.close();
});

test("debounce starts the last content, once the window has passed", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  const dedupe = { key: "k", windowMs: 50, mode: "debounce" };
  expect((await post({ name: "echo", id: "first", payload: 1, dedupe })).body).toMatchObject({
    id: "first",
    state: "delayed",
    duplicate: false,
    delivered: false,
  });
  const long = { ...dedupe, windowMs: minute };
  expect((await post({ name: "echo", payload: 2, dedupe: long })).body).toMatchObject({
    id: "first",
    state: "delayed",
    duplicate: true,
    deduplicated: "debounced",
  });
  const [found] = await stack.maintenance.runDue(["default"], 10);
  expect(found?.value.nextInMs).toBeGreaterThan(minute - 10_000);
  const { body } = await post({ name: "echo", payload: 3, dedupe });
  expect(body).toMatchObject({ id: "first", deduplicated: "debounced" });
  while ((await stack.maintenance.runDue(["default"], 10))[0]?.value.placed === 0);
  expect(await node.next()).toMatchObject({ id: "first", payload: 3 });
  await node.close();
});

describe("a job that holds the key and no longer waits", () => {
  const verdicts: Readonly<Record<Mode, object>> = {
    reject: { status: 409, body: { code: "key_held" } },
    return: { status: 202, body: { id: "first", duplicate: true, deduplicated: "returned" } },
    replace: { status: 202, body: { id: "second", state: "queued", duplicate: false } },
    debounce: { status: 202, body: { id: "second", state: "delayed", duplicate: false } },
  };
  test.for(modes)("is left alone while it runs, %s", async (mode, { expect }) => {
    const node = await joinNode(stack, { name: "1" });
    await post(job("first", "return"));
    const answer = await post(job("second", mode));
    expect(answer).toMatchObject(verdicts[mode]);
    expect(await get("first")).toMatchObject({ state: "running", payload: "first" });
    await node.close();
  });
  test.for(modes)("is left alone once it has ended, %s", async (mode, { expect }) => {
    await post(job("first", "return"));
    await stack.ask("POST", "/v1/jobs/first/cancel");
    const answer = await post(job("second", mode));
    expect(answer).toMatchObject(verdicts[mode]);
    if (mode === "return") expect(answer.body).toMatchObject({ state: "cancelled", node: null });
    expect(await get("first")).toMatchObject({ state: "cancelled", payload: "first" });
  });
  test.for(modes)("gives the key away when it is deleted, %s", async (mode, { expect }) => {
    await post(job("first", "return"));
    await stack.ask("POST", "/v1/jobs/first/cancel");
    await stack.ask("DELETE", "/v1/jobs/first");
    expect((await post(job("second", mode))).body).toMatchObject({ id: "second" });
    expect(await ids()).toEqual(["second"]);
  });
});

test("keys are each queue's own", async ({ expect }) => {
  await post(job("first", "reject"));
  expect((await post(job("second", "reject", { queue: "b" }))).status).toBe(202);
  expect((await post(job("third", "reject", { queue: "b" }))).status).toBe(409);
});

test("after the window the key is free again", async ({ expect }) => {
  const listener = new Redis(stack.server.url);
  await stack.redis.config("SET", "notify-keyspace-events", "Ex");
  await listener.subscribe("__keyevent@0__:expired");
  for (const mode of modes) {
    const gone = once(listener, "message");
    const dedupe = { key: mode, windowMs: 20, mode };
    await post({ name: "echo", id: `${mode}-1`, dedupe });
    await gone;
    expect((await post({ name: "echo", id: `${mode}-2`, dedupe })).body).toMatchObject({
      id: `${mode}-2`,
      duplicate: false,
    });
    await stack.reset();
  }
  listener.disconnect();
});

test("content is the same whatever the order of its keys", async ({ expect }) => {
  const dedupe = { windowMs: minute, mode: "return" };
  const payload = { b: [1, { y: null, x: "é" }], a: { d: 1.0, c: true } };
  const first = { name: "echo", id: "first", payload, dedupe, attempts: 2 };
  expect((await post(first)).body).toMatchObject({ id: "first", duplicate: false });
  const same = [
    '{"a":{"c":true,"d":1},"b":[1,{"x":"é","y":null}]}',
    '{"b":[1e0,{"x":"\\u00e9","y":null}],"a":{"d":1.00,"c":true}}',
  ];
  for (const text of same) {
    const body = `{"name":"echo","payload":${text},"node":"7","dedupe":${JSON.stringify(dedupe)}}`;
    const answer = await stack.ask("POST", "/v1/jobs", body);
    expect(answer.body).toMatchObject({ id: "first", deduplicated: "returned" });
  }
  const others = [
    { ...first, name: "other" },
    { ...first, payload: { ...payload, b: [{ y: null, x: "é" }, 1] } },
    { ...first, payload: null },
    { name: "echo", dedupe },
    { name: "echo", payload: "", dedupe },
    { name: "echo", payload: {}, dedupe },
    { name: "echo", payload: [], dedupe },
  ];
  for (const [at, other] of others.entries()) {
    const { body } = await post({ ...other, id: `other-${at}` });
    expect(body).toMatchObject({ id: `other-${at}`, duplicate: false });
  }
});

test("a key is never taken for a content, nor for another key", async ({ expect }) => {
  await post({ name: "echo", id: "content", dedupe: { windowMs: minute } });
  const [held = ""] = await stack.redis.keys("*:dedupe:content:*");
  const digest = held.slice(held.indexOf("content:"));
  const keys = [digest, `key:${digest}`, "k", "K", " k", "k ", "key:k", "é", "e\u0301"];
  for (const key of keys) {
    const dedupe = { key, windowMs: minute, mode: "reject" };
    expect(await post({ name: "echo", dedupe }), key).toMatchObject({ status: 202 });
  }
});

test("in a batch, jobs are deduplicated among each other and against the rest", async ({
  expect,
}) => {
  await post(job("held", "return", { dedupe: { key: "h", windowMs: minute } }));
  const held = { dedupe: { key: "h", windowMs: minute, mode: "reject" } };
  const content = { dedupe: { windowMs: minute }, payload: "same" };
  const answers = await batch(
    job("a", "return"),
    job("b", "return"),
    job("c", "reject"),
    job("d", "replace"),
    job("e", undefined, held),
    job("f", undefined, content),
    job("g", undefined, content),
    { name: "echo", id: "plain" },
    job("a", "reject"),
    job("a", "reject", { payload: "neither" }),
  );
  expect(answers).toMatchObject([
    { id: "a", duplicate: false },
    { id: "a", duplicate: true, deduplicated: "returned" },
    { id: "c", error: { code: "key_held" } },
    { id: "a", duplicate: true, deduplicated: "replaced" },
    { id: "e", error: { code: "key_held" } },
    { id: "f", duplicate: false },
    { id: "f", duplicate: true, deduplicated: "returned" },
    { id: "plain", duplicate: false },
    // A repetition, although the job has the content of d by now; other content is none.
    { id: "a", duplicate: true },
    { id: "a", error: { code: "id_conflict" } },
  ]);
  expect(await ids()).toEqual(["plain", "f", "a", "held"]);
  expect(await get("a")).toMatchObject({ payload: "d" });
});

test("in a batch, the last of a burst is the one that starts", async ({ expect }) => {
  const burst = Array.from({ length: 500 }, (_, at) => job(`j${at}`, "debounce"));
  const answers = (await batch(...burst)) as object[];
  expect(answers[0]).toMatchObject({ id: "j0", state: "delayed", duplicate: false });
  for (const answer of answers.slice(1)) {
    expect(answer).toMatchObject({ id: "j0", state: "delayed", deduplicated: "debounced" });
  }
  expect(await ids()).toEqual(["j0"]);
  expect(await get("j0")).toMatchObject({ payload: "j499", state: "delayed" });
});

test("a job that holds a key is repeated by its id as any other", async ({ expect }) => {
  const first = job("first", "reject");
  for (const duplicate of [false, true, true]) {
    expect(await post(first)).toMatchObject({ status: 202, body: { id: "first", duplicate } });
  }
});

test("many concurrent jobs with one key make one job", async ({ expect }) => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      post({ name: "echo", dedupe: { key: "k", windowMs: minute } }),
    ),
  );
  expect(answers.filter(({ body }) => body["duplicate"] === false)).toHaveLength(1);
  expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
  expect(await ids()).toHaveLength(1);
});
