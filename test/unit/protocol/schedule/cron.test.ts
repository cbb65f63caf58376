import { CronExpressionParser } from "cron-parser";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCronClock, parse } from "../../../../protocol/schedule/cron.ts";
import { differencesNearChanges, wallClock } from "../../../support/cron-oracle.ts";

const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kathmandu",
  "America/Sao_Paulo",
  "Africa/Cairo",
  "Pacific/Chatham",
  "Asia/Tokyo",
  "Europe/Dublin",
];
const monthNames = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const dayNames = "SUN MON TUE WED THU FRI SAT".split(" ");

/** One field of an expression. */
function field(min: number, max: number, names?: readonly string[]): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const shown = (n: number) => names?.[n - min] ?? String(n);
  const ordered = fc.tuple(value, value).filter(([a, b]) => a < b);
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant("*") },
    { weight: 2, arbitrary: fc.oneof(value.map(String), value.map(shown)) },
    ordered.map(([a, b]) => `${shown(a)}-${shown(b)}`),
    fc.integer({ min: 1, max: Math.floor((max - min) / 2) }).map((step) => `*/${step}`),
    ordered.map(([a, b]) => `${a}-${b}/2`),
    fc
      .uniqueArray(value, { minLength: 2, maxLength: 3 })
      .map((all) => all.sort((a, b) => a - b).join(",")),
  );
}

const days = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(field(1, 28), field(0, 6, dayNames)) },
  fc.constant(["L", "*"] as const),
  fc.tuple(
    fc.constant("*"),
    fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 4 })).map(([d, n]) => `${d}#${n}`),
  ),
  fc.tuple(
    fc.constant("*"),
    fc.nat(6).map((day) => `${day}L`),
  ),
);
const expression = fc
  .tuple(
    fc.option(field(0, 59), { nil: undefined }),
    field(0, 59),
    field(0, 23),
    days,
    field(1, 12, monthNames),
  )
  .map(([second, minute, hour, [day, weekday], month]) =>
    [...(second === undefined ? [] : [second]), minute, hour, day, month, weekday].join(" "),
  );
const startTime = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2035, 0) });

/** The next times by cron-parser; null if it gives up ("loop limit exceeded"), as it does for rare expressions. */
function theirs(cron: string, timeZone: string, from: number, n: number): readonly number[] | null {
  try {
    const times = CronExpressionParser.parse(cron, { currentDate: new Date(from), tz: timeZone });
    return Array.from({ length: n }, () => times.next().getTime());
  } catch {
    return null;
  }
}

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

/** Whether daylight saving changes within four hours of `ms`. */
function isNearChange(timeZone: string, ms: number): boolean {
  const wall = wallClock(timeZone);
  const span = 4 * 3_600_000;
  return wall(ms + span) - wall(ms - span) !== 2 * span;
}

describe("against cron-parser", () => {
  test("2,000 expressions in ten zones: the same times, except near changes of daylight saving", () => {
    let [compared, differing] = [0, 0];
    fc.assert(
      fc.property(expression, fc.constantFrom(...zones), startTime, (cron, timeZone, from) => {
        const wanted = theirs(cron, timeZone, from, 3);
        if (wanted === null) return;
        compared++;
        const found = ours(cron, timeZone, from, 3);
        const at = found.findIndex((time, index) => time !== wanted[index]);
        if (at < 0) return;
        differing++;
        // cron-parser moves a skipped time by the gap, runs it once a minute, or skips Lord Howe's half hour.
        const times = [found[at] ?? 0, wanted[at] ?? 0];
        expect(times.some((time) => isNearChange(timeZone, time))).toBe(true);
      }),
      { numRuns: 2_000, seed: 20_270_328 },
    );
    expect(compared).toBeGreaterThan(1_900);
    expect(differing).toBeLessThan(40);
  });

  test("1,000 expressions in UTC: the same times", () => {
    fc.assert(
      fc.property(expression, startTime, (cron, from) => {
        const wanted = theirs(cron, "UTC", from, 5);
        if (wanted !== null) expect(ours(cron, "UTC", from, 5)).toEqual(wanted);
      }),
      { numRuns: 1_000, seed: 42 },
    );
  });

  test("if they differ in what an expression means, ours is stated", () => {
    const from = Date.UTC(2027, 0, 1);
    // SUN-SUN is from Sunday to Sunday, all days; cron-parser takes it for one day.
    expect(new Date(ours("0 0 * * SUN-SUN", "UTC", from, 1)[0] ?? 0).getUTCDay()).toBe(6);
    // cron-parser does not know W: the weekday nearest to the 16th, a Saturday.
    expect(ours("0 0 16W * *", "UTC", from, 1)).toEqual([Date.UTC(2027, 0, 15)]);
    expect(ours("0 0 LW 1 *", "UTC", from, 1)).toEqual([Date.UTC(2027, 0, 29)]);
  });
});

describe("a time of day that daylight saving skips", () => {
  test.for([
    "America/Nuuk",
    "America/Scoresbysund",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Asia/Beirut",
    "Antarctica/Troll",
    "Africa/Casablanca",
  ])("runs right after the gap, also where that ends at midnight: %s", (timeZone) => {
    expect(differencesNearChanges(createCronClock(), timeZone, 2027, 2029)).toEqual([]);
  });

  test("is found once, from either side, for any expression that holds it", () => {
    const after = Date.UTC(2027, 2, 28, 1);
    for (const cron of ["30 23 * * *", "59 23 27 3 *", "0 23 * * SAT", "0,59 23 * MAR *"]) {
      const expression = { cron, timeZone: "America/Nuuk" };
      const clock = createCronClock();
      expect(clock.after(expression, after - 3_600_000), cron).toBe(after);
      expect(clock.after(expression, after) ?? 0, cron).toBeGreaterThan(after);
      expect(clock.upTo(expression, after, after - 1, 5), cron).toEqual([after]);
    }
    const sunday = { cron: "30 23 * * SUN", timeZone: "America/Nuuk" };
    expect(createCronClock().after(sunday, after - 1)).not.toBe(after);
  });
});

describe("times of an expression", () => {
  test("are strictly later, with none between, and the same from either side", () => {
    fc.assert(
      fc.property(expression, fc.constantFrom(...zones), startTime, (cron, timeZone, from) => {
        const clock = createCronClock();
        const next = clock.after({ cron, timeZone }, from);
        if (next === null) return;
        expect(next).toBeGreaterThan(from);
        const middle = Math.floor((from + next) / 2);
        expect(clock.after({ cron, timeZone }, middle)).toBe(middle === next ? null : next);
        expect(clock.after({ cron, timeZone }, next - 1)).toBe(next);
        const [newest] = clock.upTo({ cron, timeZone }, next, 0, 1);
        expect(newest).toBe(next);
        const before = clock.upTo({ cron, timeZone }, next - 1, 0, 2);
        for (const [at, time] of before.entries()) {
          expect(clock.after({ cron, timeZone }, time)).toBe(at === 0 ? next : before[at - 1]);
        }
        expect(before[0] ?? 0).toBeLessThanOrEqual(from);
      }),
      { numRuns: 1_000, seed: 7 },
    );
  });

  test("are computed once for all callers of a clock", () => {
    const clock = createCronClock();
    const hourly = { cron: "@hourly", timeZone: "UTC" };
    parse(hourly);
    for (let time = 0; time < 5; time++) clock.after(hourly, 0);
    expect(clock.spent()).toBe(1);
  });

  test("count for one more if the expression must be parsed first", () => {
    const clock = createCronClock();
    const unread = (minute: number) => ({ cron: `${minute} 7 13 1 *`, timeZone: "Asia/Tokyo" });
    clock.after(unread(1), 0);
    expect(clock.spent()).toBe(2);
    clock.upTo(unread(1), 0, -1, 1);
    expect(clock.spent()).toBe(3);
    clock.upTo(unread(2), 0, -1, 1);
    expect(clock.spent()).toBe(5);
  });

  test("are found for names and refused for text that is no expression", () => {
    const hour = 3_600_000;
    const after = (cron: string) => createCronClock().after({ cron, timeZone: "UTC" }, 0);
    expect(["@hourly", "@daily", "@weekly", "@monthly", "@yearly"].map(after)).toEqual([
      hour,
      24 * hour,
      3 * 24 * hour,
      31 * 24 * hour,
      365 * 24 * hour,
    ]);
    for (const cron of [
      "",
      "x",
      "@never",
      "@reboot",
      "* * * *",
      "60 * * * *",
      "0 0 0 0 0 0 0",
      "2030-01-01",
    ]) {
      expect(() => parse({ cron, timeZone: "UTC" }), cron).toThrow("five or six");
    }
    expect(() => parse({ cron: "* * * * *", timeZone: "Nowhere" })).toThrow("IANA time zone");
  });
});
