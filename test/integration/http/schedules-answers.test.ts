/** Answers that say what was done: beside a deletion, to what never runs, to a run whose id is taken, to a count. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { clientToken, type Stack, startStack } from "../../support/http-app.ts";
import { job } from "../../support/ledger.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const hourly = { cron: "0 * * * *", name: "report" };
const ask = (method: string, path: string, body?: unknown) =>
  stack.ask(method, `/v1/schedules${path}`, body);
const headers = { authorization: `Bearer ${clientToken}` };

describe("a schedule that is deleted between the write of a request and its read", () => {
  /** Asks an app whose schedules are deleted before the read with this number. */
  async function askBesideDelete(at: number, method: string, path: string, body?: unknown) {
    let reads = 0;
    const { schedules } = stack;
    const racing = createApp({
      ...stack.deps,
      schedules: {
        ...schedules,
        read: async (queues, id) => {
          if (++reads === at) await schedules.delete("default", ["s"], "http");
          return schedules.read(queues, id);
        },
      },
    });
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const answer = await racing.request(`/v1/schedules${path}`, init);
    return { status: answer.status, body: (await answer.json()) as unknown };
  }

  test.for([
    ["cron", hourly, "active"],
    ["an interval", { everyMs: 60_000, name: "n" }, "active"],
    ["a time that has passed", { runAt: "2020-01-01T00:00:00Z", name: "n" }, "ended"],
    ["a delay", { delayMs: 60_000, name: "n" }, "active"],
  ] as const)("is answered as it was made: %s", async ([, body, state], { expect }) => {
    const made = await askBesideDelete(1, "PUT", "/s", body);
    expect(made).toMatchObject({ status: 201, body: { outcome: "created", id: "s", state } });
    if (state === "active") expect((made.body as { nextAt: unknown }).nextAt).not.toBeNull();
    expect((await ask("GET", "/s")).status).toBe(404);
    const posted = await askBesideDelete(1, "POST", "", { ...body, id: "s" });
    expect(posted).toMatchObject({ status: 201, body: { outcome: "created" } });
  });
});

describe("what would never run", () => {
  const past = "2020-01-01T00:00:00Z";
  const soon = () => new Date(Date.now() + 60_000).toISOString();
  const every = { everyMs: 60_000, name: "n" };
  const cases: readonly [string, () => object, string][] = [
    ["an end that has passed", () => ({ ...hourly, endAt: past }), "run to come"],
    ["an interval that has ended", () => ({ ...every, endAt: past }), "run to come"],
    ["runAt after endAt", () => ({ runAt: 2e12, endAt: 1.9e12, name: "n" }), "runAt"],
    ["runAt before startAt", () => ({ runAt: 1.9e12, startAt: 2e12, name: "n" }), "runAt"],
    ["a delay beyond endAt", () => ({ delayMs: 120_000, endAt: soon(), name: "n" }), "run to come"],
    ["a delay before startAt", () => ({ delayMs: 1, startAt: soon(), name: "n" }), "run to come"],
    ["cron after endAt", () => ({ ...hourly, cron: "0 0 29 2 *", endAt: soon() }), "run to come"],
    ["a past time to skip", () => ({ runAt: past, missed: "skip", name: "n" }), "run to come"],
    ["count with runAt", () => ({ runAt: 2e12, count: 2, name: "n" }), "count"],
    ["count with delayMs", () => ({ delayMs: 5, count: 1, name: "n" }), "count"],
    ["jitter above the interval", () => ({ ...every, jitterMs: 60_001 }), "jitterMs"],
    [
      "jitter above cron's",
      () => ({ ...hourly, cron: "0,5 9 * * *", jitterMs: 300_001 }),
      "300000",
    ],
    ["an endless February", () => ({ ...hourly, cron: "0 0 31 2 *" }), "never"],
    ["a time to live of 0", () => ({ ...hourly, ttlMs: 0 }), "ttlMs"],
  ];
  test.for(cases)("is refused, and nothing is stored: %s", async ([, body, words], { expect }) => {
    const answer = await ask("PUT", "/s", body());
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(String(answer.body["detail"])).toContain(words);
    expect(await stack.keys()).toBe(0);
  });

  test.for([
    ["jitter as long as the interval", { ...every, jitterMs: 60_000 }],
    ["jitter as long as cron's", { ...hourly, cron: "0,5 9 * * *", jitterMs: 300_000 }],
    ["runAt that is startAt and endAt", { runAt: 2e12, startAt: 2e12, endAt: 2e12, name: "n" }],
    ["runAt that has passed", { runAt: past, name: "n" }],
  ] as const)("is not %s", async ([, body], { expect }) => {
    expect((await ask("PUT", "/s", body)).status).toBe(201);
  });

  test("is not made by moving the next run", async ({ expect }) => {
    await ask("PUT", "/s", { ...hourly, startAt: "2030-01-01T00:00:00Z", endAt: 2e12 });
    for (const at of ["2029-12-31T23:59:59Z", 2e12 + 1]) {
      const answer = await ask("POST", "/s/next", { at });
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
      expect(String(answer.body["detail"])).toContain("2030-01-01T00:00:00.000Z");
    }
    expect((await ask("GET", "/s")).body).not.toHaveProperty("moved");
  });
});

test("a run by hand is made once for a key, and refused where a job has its id", async ({
  expect,
}) => {
  await ask("PUT", "/s", { ...hourly, count: 2 });
  const run = async (key: string) => {
    const init = { method: "POST", headers: { ...headers, "idempotency-key": key } };
    const answer = await stack.app.request("/v1/schedules/s/run", init);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  for (let time = 0; time < 3; time++)
    expect(await run("k")).toMatchObject({ status: 202, body: { job: "s@k" } });
  expect((await ask("GET", "/s")).body).toMatchObject({ runs: 1, state: "active" });
  await stack.ledger.dispatch([job("s@taken")]);
  expect(await run("taken")).toMatchObject({ status: 409, body: { code: "id_conflict" } });
  expect(await run("1800000060000")).toMatchObject({ status: 400 });
  expect((await ask("GET", "/s")).body).toMatchObject({ runs: 1 });
});

test("a schedule that has ended is not counted", async ({ expect }) => {
  await ask("PUT", "/a", hourly);
  await ask("PUT", "/b", { ...hourly, queue: "slow" });
  await ask("PUT", "/paused", hourly);
  await ask("POST", "/paused/pause");
  await ask("PUT", "/ended", { runAt: "2020-01-01T00:00:00Z", name: "past" });
  expect((await ask("GET", "/ended")).body).toMatchObject({ state: "ended" });
  expect((await ask("GET", "/count")).body).toEqual({ count: 3 });
  expect((await ask("GET", "/count?queue=default")).body).toEqual({ count: 2 });
  expect((await ask("GET", "/count?queue=none")).body).toEqual({ count: 0 });
});
