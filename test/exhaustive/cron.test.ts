/** Cron times against a brute-force oracle: four zones, each minute of a year. Some 20 seconds of work. */
import { describe, expect, test } from "vitest";
import { createCronClock } from "../../protocol/schedule/cron.ts";
import {
  anyDay,
  type CronFields,
  differencesNearChanges,
  range,
  timesOf,
  wallClock,
} from "../support/cron-oracle.ts";

function ours(cron: string, timeZone: string, from: number, n: number): readonly number[] {
  const clock = createCronClock();
  const found: number[] = [];
  for (let at: number | null = from; found.length < n;) {
    at = clock.after({ cron, timeZone }, at);
    if (at === null) break;
    found.push(at);
  }
  return found;
}

/** Expressions with their fields, for the brute-force oracle. */
const pairs: readonly CronFields[] = [
  fixed("30 2 * * *", [30], [2]),
  fixed("0 3 * * *", [0], [3]),
  fixed("15,45 1-3 * * *", [15, 45], [1, 2, 3]),
  fixed("0 0 * * *", [0], [0]),
  fixed("10 2,14 * * *", [10], [2, 14]),
  { ...fixed("5 2 L * *", [5], [2]), isDay: (day, _weekday, last) => day === last },
  { ...fixed("0 2 * * SUN", [0], [2]), isDay: (_day, weekday) => weekday === 0 },
  interval("*/20 * * * *", range(0, 59, 20), range(0, 23)),
  interval("30 * * * *", new Set([30]), range(0, 23)),
  interval("*/15 1-3 * * *", range(0, 59, 15), range(1, 3)),
  interval("0 */2 * * *", new Set([0]), range(0, 23, 2)),
];

function fixed(text: string, minutes: readonly number[], hours: readonly number[]): CronFields {
  return {
    text,
    minutes: new Set(minutes),
    hours: new Set(hours),
    months: range(1, 12),
    isDay: anyDay,
    isFixed: true,
  };
}

function interval(
  text: string,
  minutes: ReadonlySet<number>,
  hours: ReadonlySet<number>,
): CronFields {
  return { text, minutes, hours, months: range(1, 12), isDay: anyDay, isFixed: false };
}

describe("against every minute of a year, daylight saving included", () => {
  const from = Date.UTC(2026, 10, 20);
  const to = Date.UTC(2027, 10, 20);
  test.for(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])(
    "%s: every time once, and none other",
    { timeout: 60_000 },
    (timeZone) => {
      const wall = wallClock(timeZone);
      for (const fields of pairs) {
        const wanted = timesOf(fields, wall, from, to);
        const found = ours(fields.text, timeZone, from, wanted.length + 1);
        expect(found.slice(0, -1), `${fields.text} in ${timeZone}`).toEqual(wanted);
        expect(found.at(-1)).toBeGreaterThan(to);
      }
    },
  );
});

describe("against every change of daylight saving to the end of 2032", () => {
  test(
    "every zone: times of day run once, those that are skipped right after the gap",
    {
      timeout: 300_000,
    },
    () => {
      const zones = Intl.supportedValuesOf("timeZone");
      const clock = createCronClock();
      expect(zones.flatMap((zone) => differencesNearChanges(clock, zone, 2026, 2033))).toEqual([]);
    },
  );
});
