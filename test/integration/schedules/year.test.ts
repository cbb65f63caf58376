/**
 * A year in seconds: schedules in four zones on a simulated clock, through both changes of daylight saving, with checks
 * that come on time, late, concurrently, or not at all for hours. Every time is run exactly once.
 */
import { expect } from "vitest";
import { decodeBody } from "../../../protocol/wire/job.ts";
import { createRandom } from "../../chaos/random.ts";
import { anyDay, type CronFields, range, timesOf, wallClock } from "../../support/cron-oracle.ts";
import { test } from "../../support/ledger.ts";
import { checkDue, put, spec } from "../../support/schedules.ts";

const minute = 60_000;
const hour = 60 * minute;
const year = 365 * 24 * hour;
const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"];
const fields: readonly CronFields[] = [
  daily("30 2 * * *", [30], [2]),
  daily("0 0,3 * * *", [0], [0, 3]),
  { ...daily("45 1 L * *", [45], [1]), isDay: (day, _weekday, last) => day === last },
  { ...daily("15 23 * * MON-FRI", [15], [23]), isDay: (_d, weekday) => weekday > 0 && weekday < 6 },
  { ...daily("0 */4 * * *", [0], []), hours: range(0, 23, 4), isFixed: false },
];

function daily(text: string, minutes: readonly number[], hours: readonly number[]): CronFields {
  const rest = { months: range(1, 12), isDay: anyDay, isFixed: true };
  return { text, minutes: new Set(minutes), hours: new Set(hours), ...rest };
}

test("in a year of trouble every time of every schedule is run exactly once", async ({ bench }) => {
  const random = createRandom(2027);
  const start = bench.clock.now();
  const cases = zones.flatMap((timeZone, z) =>
    fields.map((each, f) => ({ id: `s${z}.${f}`, each, timeZone })),
  );
  await put(
    bench,
    ...cases.map(({ id, each, timeZone }) =>
      spec(id, {
        rule: { kind: "cron", cron: each.text, timeZone },
        missed: "all",
        maxMissed: 1_000,
        keepHistory: 0,
      }),
    ),
    spec("every", { rule: { kind: "every", everyMs: 7 * hour }, missed: "all", maxMissed: 1_000 }),
  );

  let end = start;
  let nextInMs = 0;
  while (end < start + year) {
    const trouble = random.next();
    const outage = trouble < 0.01 ? Math.floor(random.next() * 60 * hour) : 0;
    const lateness = trouble < 0.2 ? Math.floor(random.next() * 90 * minute) : 0;
    bench.clock.advance(nextInMs + outage + lateness);
    end = bench.clock.now();
    const checks = trouble > 0.9 ? 3 : 1;
    const done = await Promise.all(Array.from({ length: checks }, () => checkDue(bench)));
    nextInMs = Math.min(...done.map((each) => each.nextInMs ?? Infinity));
  }

  const made = new Map<string, number[]>();
  for (const text of Object.values(await bench.redis.hgetall(bench.keys.jobs))) {
    const { id = "", at = 0 } = decodeBody(text.slice(text.indexOf("\n") + 1)).schedule ?? {};
    made.set(id, [...(made.get(id) ?? []), at]);
  }
  // Deleted because checking the invariants of so many jobs would take longer than the year.
  await bench.redis.del(bench.keys.jobs, bench.keys.index, bench.keys.backlog);
  for (const { id, each, timeZone } of cases) {
    const wanted = timesOf(each, wallClock(timeZone), start - 1, end);
    expect(
      made.get(id)?.sort((a, b) => a - b),
      `${each.text} in ${timeZone}`,
    ).toEqual(wanted);
  }
  const steps = Math.floor((end - start) / (7 * hour)) + 1;
  expect(made.get("every")?.sort((a, b) => a - b)).toEqual(
    Array.from({ length: steps }, (_, k) => start + k * 7 * hour),
  );
}, 120_000);
