/** RQ Scheduler's documented examples, carried over one by one as `docs/migrating.md` says, on a simulated clock. */
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { createUpstash } from "../../../functions/redis/upstash.ts";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { runDue } from "../../../protocol/ledger/due.ts";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import { createMaintenance } from "../../../protocol/ledger/maintenance.ts";
import { createScheduleLedger } from "../../../protocol/ledger/schedules.ts";
import { ask, type Stack, startStack } from "../../support/http-app.ts";

const start = Date.UTC(2025, 9, 9, 12); // a Thursday
const limits = { dueItems: 500, schedules: 100, runs: 500, evaluations: 500 };
let stack: Stack;
let now = start;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(async () => {
  await stack.reset();
  now = start;
});
afterAll(() => stack.close());

function simulated() {
  const { naming, redis } = stack.deps.config as typeof stack.deps.config & {
    readonly redis: { readonly url: string; readonly token: string };
  };
  const options = {
    redis: createUpstash({ ...redis, timeoutMs: 5_000 }),
    naming,
    timing: defaultTiming,
    simulatedNow: () => now,
  };
  const ledger = createJobLedger(options);
  const [maintenance, schedules] = [createMaintenance(options), createScheduleLedger(options)];
  const app = createApp({ ...stack.deps, ledger, maintenance, schedules });
  return {
    ask: async (method: string, path: string, body?: unknown) =>
      (await ask(app, { method, path: `/v1/schedules${path}`, body })).body,
    /** Times of the runs of all schedules, as they are made while so many steps pass. */
    runs: async (steps: number, stepMs: number) => {
      for (let step = 0; step < steps; step++) {
        now += stepMs;
        await runDue({ maintenance, schedules }, await ledger.queues(), limits);
      }
      const { history } = (await ask(app, { method: "GET", path: "/v1/schedules/s/history" }))
        .body as { history: { scheduledAt: string }[] };
      return history.map(({ scheduledAt }) => scheduledAt.slice(0, 16)).reverse();
    },
  };
}

test("enqueue_at(datetime(2025, 10, 10), func)", async ({ expect }) => {
  const rq = simulated();
  await rq.ask("PUT", "/s", { runAt: "2025-10-10T00:00:00Z", name: "func" });
  expect(await rq.runs(24, 3_600_000)).toEqual(["2025-10-10T00:00"]);
});

test("enqueue_in(timedelta(minutes=10), func, foo, bar=1)", async ({ expect }) => {
  const rq = simulated();
  await rq.ask("PUT", "/s", { delayMs: 600_000, name: "func", payload: ["foo", { bar: 1 }] });
  expect(await rq.runs(20, 60_000)).toEqual(["2025-10-09T12:10"]);
});

test("schedule(scheduled_time=utcnow(), func, interval=60, repeat=10)", async ({ expect }) => {
  const rq = simulated();
  await rq.ask("PUT", "/s", { everyMs: 60_000, count: 10, name: "func" });
  const times = await rq.runs(100, 13_000);
  expect(times).toEqual(Array.from({ length: 10 }, (_, k) => `2025-10-09T12:0${k}`));
  expect(await rq.ask("GET", "/s")).toMatchObject({ state: "ended", runs: 10 });
});

test('cron("0 0 * * 0", func, repeat=2, queue_name="weekly")', async ({ expect }) => {
  const rq = simulated();
  const cron = { cron: "0 0 * * 0", count: 2, name: "func", queue: "weekly" };
  expect(await rq.ask("PUT", "/s", cron)).toMatchObject({ queue: "weekly" });
  expect(await rq.runs(20, 43_200_000)).toEqual(["2025-10-12T00:00", "2025-10-19T00:00"]);
});

test("cron(…, use_local_timezone=True), in New York", async ({ expect }) => {
  const rq = simulated();
  const cron = { cron: "30 9 * * *", timeZone: "America/New_York", name: "func" };
  await rq.ask("PUT", "/s", cron);
  expect(await rq.runs(3, 86_400_000)).toEqual([
    "2025-10-09T13:30",
    "2025-10-10T13:30",
    "2025-10-11T13:30",
  ]);
});

test("job in scheduler, cancel(job), count(), get_jobs(until, with_times)", async ({ expect }) => {
  const rq = simulated();
  await rq.ask("PUT", "/s", { delayMs: 600_000, name: "func" });
  await rq.ask("PUT", "/t", { delayMs: 7_200_000, name: "func" });
  const until = new Date(start + 3_600_000).toISOString();
  expect(await rq.ask("GET", "/s/scheduled")).toMatchObject({ scheduled: true });
  expect(await rq.ask("GET", "/count")).toEqual({ count: 2 });
  expect(await rq.ask("GET", `/count?until=${until}`)).toEqual({ count: 1 });
  expect(await rq.ask("GET", `?until=${until}`)).toMatchObject({
    schedules: [{ id: "s", nextAt: "2025-10-09T12:10:00.000Z" }],
  });
  expect(await rq.ask("DELETE", "/s")).toMatchObject({ existed: true });
  expect(await rq.ask("GET", "/s/scheduled")).toEqual({ scheduled: false });
});

test("change_execution_time(job, datetime)", async ({ expect }) => {
  const rq = simulated();
  await rq.ask("PUT", "/s", { delayMs: 600_000, name: "func" });
  await rq.ask("POST", "/s/next", { at: "2025-10-09T13:00:00Z" });
  expect(await rq.runs(12, 600_000)).toEqual(["2025-10-09T13:00"]);
  expect(await rq.ask("POST", "/gone/next", { at: now })).toMatchObject({ code: "not_found" });
});
