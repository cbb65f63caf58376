import { test } from "vitest";
import { dueJobs, recurringTable } from "../../functions/recurring.ts";
import { shareOf } from "../../functions/tick.ts";
import { jobIdPattern } from "../../protocol/names.ts";

async function due(table: readonly object[], iso: string): Promise<readonly string[]> {
  const jobs = await dueJobs(recurringTable.parse(table), Date.parse(iso));
  return jobs.map(({ name }) => name);
}

test("an entry is due in the minutes that its expression names", async ({ expect }) => {
  const table = [
    { cron: "* * * * *", name: "always" },
    { cron: "*/15 * * * *", name: "quarter" },
    { cron: "30 9 * * 1-5", name: "weekday" },
    { cron: "0 0 1 * *", name: "first" },
    { cron: "0 12 * * 0", name: "sunday" },
    { cron: "0 12 * * 7", name: "sunday-too" },
  ];
  expect(await due(table, "2026-01-05T09:30:00Z")).toEqual(["always", "quarter", "weekday"]);
  expect(await due(table, "2026-01-05T09:30:59.999Z")).toEqual(["always", "quarter", "weekday"]);
  expect(await due(table, "2026-01-04T09:30:00Z")).toEqual(["always", "quarter"]);
  expect(await due(table, "2026-01-04T12:00:00Z")).toEqual([
    ...["always", "quarter", "sunday", "sunday-too"],
  ]);
  expect(await due(table, "2026-02-01T00:00:00Z")).toEqual(["always", "quarter", "first"]);
});

test("an expression is read in its time zone, summer and winter", async ({ expect }) => {
  const table = [{ cron: "0 9 * * *", name: "nine", timeZone: "Europe/Berlin" }];
  expect(await due(table, "2026-01-05T08:00:00Z")).toEqual(["nine"]);
  expect(await due(table, "2026-07-05T07:00:00Z")).toEqual(["nine"]);
  expect(await due(table, "2026-07-05T08:00:00Z")).toEqual([]);
});

test("an id follows from the entry and the minute alone", async ({ expect }) => {
  const ids = async (table: readonly object[], iso: string) =>
    (await dueJobs(recurringTable.parse(table), Date.parse(iso))).map(({ id }) => id);
  const entry = { cron: "* * * * *", name: "a" };
  const [id = ""] = await ids([entry], "2026-01-05T09:30:00Z");
  expect(id).toMatch(/^recurring:[0-9a-f]{8}:2026-01-05T09:30Z$/);
  expect(id).toMatch(jobIdPattern);
  expect(await ids([entry, entry], "2026-01-05T09:30:12Z")).toEqual([id]);
  const others = [
    { ...entry, name: "b" },
    { ...entry, payload: null },
    { ...entry, node: "1" },
    { ...entry, queue: "q" },
    { ...entry, timeZone: "Asia/Tokyo" },
    { ...entry, cron: "*/1 * * * *" },
  ];
  const all = await ids([entry, ...others], "2026-01-05T09:30:00Z");
  expect(new Set(all).size).toBe(7);
  expect(await ids([entry], "2026-01-05T09:31:00Z")).not.toEqual([id]);
});

test("more queues than a tick can serve take turns", ({ expect }) => {
  const few = ["b", "a"];
  expect(shareOf(few, 0)).toBe(few);
  const many = Array.from({ length: 1_000 }, (_, at) => `q${at}`);
  const served = new Set<string>();
  for (let minute = 0; minute < 3; minute++) {
    const share = shareOf(many, minute * 60_000);
    expect(share).toHaveLength(400);
    for (const queue of share) served.add(queue);
  }
  expect(served.size).toBe(1_000);
});
