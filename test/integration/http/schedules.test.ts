import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { clientToken, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({}, { SIGNALBOX_MAX_SCHEDULES: "50" });
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const hourly = { cron: "0 * * * *", name: "report" };
const ask = (method: string, path: string, body?: unknown) =>
  stack.ask(method, `/v1/schedules${path}`, body);

test("a schedule is made, found unchanged, replaced, read and deleted", async ({ expect }) => {
  const made = await ask("PUT", "/s", { ...hourly, payload: { a: 1 } });
  expect(made.status).toBe(201);
  expect(made.headers.get("location")).toBe("/v1/schedules/s?queue=default");
  expect(made.body).toMatchObject({
    outcome: "created",
    id: "s",
    queue: "default",
    state: "active",
    name: "report",
    cron: "0 * * * *",
    timeZone: "UTC",
    missed: "latest",
    overlap: "allow",
    runs: 0,
    payload: { a: 1 },
    lastRun: null,
    source: "http",
  });
  expect((made.body["next"] as string[]).every((time) => /:00:00\.000Z$/.test(time))).toBe(true);
  expect(made.body["next"]).toHaveLength(5);
  expect(made.body["nextAt"]).toBe((made.body["next"] as string[])[0]);

  const again = await ask("PUT", "/s", { payload: { a: 1 }, ...hourly });
  expect(again).toMatchObject({ status: 200, body: { outcome: "unchanged" } });
  const other = await ask("PUT", "/s", { ...hourly, timeZone: "Europe/Berlin" });
  expect(other).toMatchObject({
    status: 200,
    body: { outcome: "replaced", timeZone: "Europe/Berlin" },
  });
  const read = await ask("GET", "/s");
  expect(read.body).toEqual(
    Object.fromEntries(Object.entries(other.body).filter(([name]) => name !== "outcome")),
  );

  expect((await ask("GET", "/s/scheduled")).body).toMatchObject({
    scheduled: true,
    state: "active",
  });
  expect((await ask("DELETE", "/s")).body).toEqual({ id: "s", queue: "default", existed: true });
  expect((await ask("DELETE", "/s")).body).toEqual({ id: "s", existed: false });
  expect((await ask("GET", "/s/scheduled")).body).toEqual({ scheduled: false });
  expect((await ask("GET", "/s")).status).toBe(404);
});

test("a schedule in another queue is found like a job", async ({ expect }) => {
  await ask("PUT", "/s", { ...hourly, queue: "slow" });
  expect((await ask("GET", "/s")).body).toMatchObject({ queue: "slow" });
  expect((await ask("GET", "/s?queue=slow")).status).toBe(200);
  expect((await ask("GET", "/s?queue=default")).status).toBe(404);
  await ask("PUT", "/s", { ...hourly, name: "other" });
  expect((await ask("GET", "/s")).body).toMatchObject({ queue: "default", name: "other" });
});

test("an id is made, given, or the key of the request", async ({ expect }) => {
  const made = await ask("POST", "", hourly);
  expect(made).toMatchObject({ status: 201, body: { id: /^[\w-]{16}$/ } });
  expect((await ask("POST", "", { ...hourly, id: "mine" })).body).toMatchObject({ id: "mine" });
  const headers = { authorization: `Bearer ${clientToken}`, "idempotency-key": "key-1" };
  for (const outcome of ["created", "unchanged"]) {
    const init = { method: "POST", headers, body: JSON.stringify(hourly) };
    const answer = await stack.app.request("/v1/schedules", init);
    expect(await answer.json()).toMatchObject({ id: "key-1", outcome });
  }
});

test("every option comes back as it was sent", async ({ expect }) => {
  const all = {
    everyMs: 90_000,
    aligned: true,
    startAt: "2027-03-01T00:00:00.000Z",
    endAt: "2028-01-01T00:00:00.000Z",
    count: 9,
    jitterMs: 500,
    missed: "all",
    maxMissed: 7,
    graceMs: 5_000,
    overlap: "queue",
    keepHistory: 4,
    name: "n",
    payload: [1],
    node: "7",
    attempts: 2,
    timeoutMs: 1_000,
    ttlMs: 60_000,
    queue: "q",
    backoff: { kind: "list", delaysMs: [1, 2] },
  };
  expect((await ask("PUT", "/s", all)).body).toMatchObject(all);
  const once = { runAt: "2030-01-31T09:00:00+01:00", name: "n" };
  expect((await ask("PUT", "/t", once)).body).toMatchObject({ nextAt: "2030-01-31T08:00:00.000Z" });
  expect((await ask("PUT", "/u", { delayMs: 60_000, name: "n" })).body).toMatchObject({
    delayMs: 60_000,
  });
});

test("a run is made now, seen in the history and in its job", async ({ expect }) => {
  await ask("PUT", "/s", { ...hourly, ttlMs: 60_000, attempts: 2 });
  const { status, body } = await ask("POST", "/s/run");
  expect(status).toBe(202);
  const job = String(body["job"]);
  expect((await stack.ask("GET", `/v1/jobs/${encodeURIComponent(job)}`)).body).toMatchObject({
    name: "report",
    state: "queued",
    schedule: { id: "s", late: false, backfilled: false, manual: true },
  });
  expect((await ask("GET", "/s/history")).body).toMatchObject({
    history: [{ job, state: "queued", manual: true, late: false, backfilled: false }],
  });
  expect((await ask("GET", "/s")).body).toMatchObject({ runs: 1, lastRun: job });
});

test("a schedule is paused, resumed, and its next run moved", async ({ expect }) => {
  await ask("PUT", "/s", hourly);
  expect((await ask("POST", "/s/pause")).body).toMatchObject({
    state: "paused",
    nextAt: null,
    next: [],
  });
  expect((await ask("GET", "/s/scheduled")).body).toMatchObject({ scheduled: false });
  expect((await ask("POST", "/s/resume")).body).toMatchObject({ state: "active" });
  const at = "2031-05-06T07:08:09.000Z";
  const moved = await ask("POST", "/s/next", { at });
  expect(moved.body).toMatchObject({ nextAt: at, moved: true });
  expect((moved.body["next"] as string[])[1]).toBe("2031-05-06T08:00:00.000Z");
  await ask("PUT", "/t", { runAt: "2020-01-01T00:00:00Z", name: "past" });
  expect((await ask("GET", "/t")).body).toMatchObject({ state: "ended", runs: 1 });
  for (const action of ["pause", "resume"]) {
    expect(await ask("POST", `/t/${action}`)).toMatchObject({
      status: 409,
      body: { code: "state_conflict" },
    });
  }
  expect((await ask("POST", "/t/next", { at })).status).toBe(409);
});

test("schedules are listed over all queues in pages, and counted", async ({ expect }) => {
  for (const queue of ["default", "a", "b"]) {
    for (const id of ["1", "2", "3"]) await ask("PUT", `/${id}`, { ...hourly, queue });
  }
  await ask("PUT", "/4", { cron: "0 0 1 1 *", name: "yearly", queue: "b" });
  const seen: string[] = [];
  let cursor = "";
  do {
    const { body } = await ask("GET", `?limit=4${cursor === "" ? "" : `&cursor=${cursor}`}`);
    for (const each of body["schedules"] as { queue: string; id: string }[])
      seen.push(`${each.queue}${each.id}`);
    cursor = (body["cursor"] as string | null) ?? "";
  } while (cursor !== "");
  expect(seen.join(" ")).toBe("a1 a2 a3 b1 b2 b3 b4 default1 default2 default3");
  expect((await ask("GET", "?queue=a&limit=2")).body["schedules"]).toHaveLength(2);
  const until = new Date(Date.now() + 3_700_000).toISOString();
  expect((await ask("GET", `?queue=b&until=${until}`)).body["schedules"]).toHaveLength(3);
  expect((await ask("GET", "/count")).body).toEqual({ count: 10 });
  expect((await ask("GET", `/count?until=${until}&queue=b`)).body).toEqual({ count: 3 });
  expect((await ask("GET", "?cursor=no")).body).toMatchObject({ code: "invalid_request" });
});

test("the next times of an expression are shown before anything is stored", async ({ expect }) => {
  const preview = async (body: unknown) => (await ask("POST", "/preview", body)).body;
  const from = "2027-03-27T12:00:00Z";
  const times = await preview({ cron: "30 2 * * *", timeZone: "Europe/Berlin", count: 3, from });
  expect(times).toEqual({
    times: ["2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z", "2027-03-30T00:30:00.000Z"],
  });
  expect(
    await preview({ everyMs: 60_000, aligned: true, count: 2, from: "2027-01-01T00:00:30Z" }),
  ).toEqual({ times: ["2027-01-01T00:01:00.000Z", "2027-01-01T00:02:00.000Z"] });
  expect(((await preview({ cron: "@daily" }))["times"] as unknown[]).length).toBe(10);
  expect(await stack.keys()).toBe(0);
});

describe("what is refused", () => {
  const cases: readonly [string, unknown, string][] = [
    ["no time", { name: "n" }, "expected one of runAt, delayMs, everyMs, cron"],
    ["two times", { ...hourly, everyMs: 5_000 }, "got everyMs, cron"],
    ["a field too many", { ...hourly, cron: "0 0 0 0 0 0 0" }, "cron"],
    ["an impossible date", { ...hourly, cron: "0 0 30 2 *" }, "never"],
    ["an unknown zone", { ...hourly, timeZone: "Mars/Phobos" }, "IANA time zone"],
    ["a date for an expression", { ...hourly, cron: "2030-01-01T00:00:00" }, "cron"],
    ["too fast", { everyMs: 999, name: "n" }, "everyMs"],
    ["a local time", { runAt: "2030-01-01T00:00:00", name: "n" }, "runAt"],
    ["seconds for milliseconds", { runAt: 1_900_000_000, name: "n" }, "runAt"],
    ["aligned cron", { ...hourly, aligned: true }, "aligned"],
    ["a zone for an interval", { everyMs: 5_000, timeZone: "UTC", name: "n" }, "timeZone"],
    ["an end before the start", { ...hourly, startAt: 2e12, endAt: 1e12 }, "endAt"],
    ["an unknown policy", { ...hourly, missed: "some" }, "missed"],
    ["an unknown field", { ...hourly, tz: "UTC" }, '"tz"'],
    ["another id", { ...hourly, id: "t" }, "id"],
  ];
  test.for(cases)("%s", async ([, body, words], { expect }) => {
    const answer = await ask("PUT", "/s", body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(String(answer.body["detail"])).toContain(words);
    expect(await stack.keys()).toBe(0);
  });

  test("names that no path can have, bodies too large, more than are allowed", async ({
    expect,
  }) => {
    for (const id of ["count", "a@b", "-", "x".repeat(101)]) {
      expect(await ask("PUT", `/${id}`, hourly)).toMatchObject({
        status: id === "count" ? 405 : 400,
      });
    }
    expect((await ask("POST", "", { ...hourly, id: "count" })).status).toBe(400);
    const large = { ...hourly, payload: "x".repeat(33_000) };
    expect(await ask("PUT", "/s", large)).toMatchObject({
      status: 413,
      body: { code: "payload_too_large" },
    });
    for (let at = 0; at < 50; at++) await ask("PUT", `/s${at}`, hourly);
    expect(await ask("PUT", "/more", hourly)).toMatchObject({
      status: 409,
      body: { code: "schedules_full" },
    });
    expect((await ask("PUT", "/s1", { ...hourly, name: "changed" })).status).toBe(200);
  });

  test("unknown schedules, and queries where none is expected", async ({ expect }) => {
    for (const [method, path] of [
      ["GET", "/x"],
      ["GET", "/x/history"],
      ["POST", "/x/pause"],
      ["POST", "/x/resume"],
      ["POST", "/x/run"],
      ["GET", "/a@b"],
    ] as const) {
      expect(await ask(method, path)).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
    expect((await ask("POST", "/x/next", { at: 2e12 })).status).toBe(404);
    expect((await ask("PUT", "/s?queue=a", hourly)).status).toBe(400);
    expect((await ask("POST", "/s/next", {})).status).toBe(400);
    expect((await ask("PATCH", "/s")).status).toBe(405);
  });
});
