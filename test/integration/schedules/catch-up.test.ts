/** Missed cron times are made up for in checks of bounded work: the same runs as in one check, each once, in order. */
import { describe } from "vitest";
import { runDue } from "../../../protocol/ledger/due.ts";
import { createCronClock } from "../../../protocol/schedule/cron.ts";
import { type LedgerBench, test } from "../../support/ledger.ts";
import { checkDue, minute, put, runs, schedule, spec } from "../../support/schedules.ts";

const hour = 60 * minute;

/** Checks until nothing is due; answers how many runs and evaluations each check took. */
async function checkAll(bench: LedgerBench, evaluations: number, room = 1_000) {
  const checks: { made: number; spent: number }[] = [];
  for (;;) {
    const cron = createCronClock();
    const limits = { dueItems: 500, schedules: 200, runs: room, evaluations };
    const [done] = await runDue({ ...bench, cron }, ["default"], limits);
    checks.push({ made: done?.value.made ?? 0, spent: cron.spent() });
    if (done?.value.nextInMs !== 0) return checks;
    if (checks.length > 500) throw new Error("expected the checks to come to an end");
  }
}

describe("missed cron times", () => {
  const cases = [
    ["fewer than are kept", "*/5 * * * *", 8 * hour, 200, 96, {}],
    ["more than are kept", "* * * * *", 12 * hour, 100, 100, {}],
    ["as many as may be kept", "* * * * *", 30 * hour, 1_000, 1_000, {}],
    ["of an irregular expression", "3,4,50 1,2,17 * * *", 40 * 24 * hour, 150, 150, {}],
    ["of a time of day", "30 2 * * *", 90 * 24 * hour, 50, 50, {}],
    ["delayed by jitter", "*/10 * * * *", 20 * hour, 70, 70, { jitterMs: 300_000 }],
    ["within bounds", "* * * * *", 12 * hour, 500, 60, { endMs: 1_800_000_000_000 + hour }],
    ["up to a count", "* * * * *", 12 * hour, 500, 33, { count: 33 }],
  ] as const;
  test.for(cases)(
    "are run over several checks, as one check would: %s",
    async ([, cron, outage, maxMissed, wanted, more], { bench, expect }) => {
      const rule = { kind: "cron", cron, timeZone: "Europe/Berlin" } as const;
      bench.clock.advance(1_000);
      await put(bench, spec("s", { rule, missed: "all", maxMissed, ...more }));
      await put(bench, spec("whole", { rule, missed: "all", maxMissed, ...more }));
      bench.clock.advance(outage);
      const before = await schedule(bench, "whole");
      await bench.schedules.pause("default", "whole");
      const checks = await checkAll(bench, 20);
      expect(before.made).toBe(0);
      for (const { spent } of checks) expect(spent).toBeLessThanOrEqual(24);
      const made = await runs(bench);
      expect(made).toHaveLength(wanted);
      expect(checks.reduce((sum, each) => sum + each.made, 0)).toBe(wanted);
      const times = made.map((run) => Number(run.split(" ")[0]));
      const clock = createCronClock();
      const known = clock
        .upTo(
          rule,
          Math.min(bench.clock.now(), ("endMs" in more ? more.endMs : undefined) ?? Infinity),
          before.anchorMs,
          2_000,
        )
        .map((ms) => (ms - 1_800_000_000_000) / 1_000)
        .reverse();
      if (!("count" in more) && !("jitterMs" in more)) expect(times).toEqual(known.slice(-wanted));
      expect(made.filter((run) => !run.includes("backfilled")).length).toBe(
        "count" in more ? 0 : 1,
      );
      expect(await schedule(bench)).not.toHaveProperty("catchUp");
    },
  );

  test("go on after each bounded step, and are noted once if they are left out", async ({
    bench,
    expect,
  }) => {
    const rule = { kind: "cron", cron: "* * * * *", timeZone: "UTC" } as const;
    bench.clock.advance(1_000);
    await put(bench, spec("s", { rule, missed: "all", maxMissed: 60, keepHistory: 100 }));
    bench.clock.advance(5 * hour);
    const checks = await checkAll(bench, 20, 7);
    expect(Math.max(...checks.map(({ made }) => made))).toBe(7);
    const { lines } = await bench.schedules.history("default", "s");
    expect(lines).toHaveLength(61);
    expect(lines.filter((line) => line.includes('"skipped"'))).toHaveLength(1);
  });

  test("are let go by pause, move and another plan", async ({ bench, expect }) => {
    const rule = { kind: "cron", cron: "* * * * *", timeZone: "UTC" } as const;
    for (const id of ["p", "m", "r"])
      await put(bench, spec(id, { rule, missed: "all", maxMissed: 500 }));
    bench.clock.advance(5 * hour);
    for (let check = 0; check < 3; check++) await checkDue(bench, { evaluations: 40 });
    await bench.schedules.pause("default", "p");
    await bench.schedules.resume("default", "p");
    await bench.schedules.move("default", "m", bench.clock.now() + 1_000);
    await put(bench, spec("r", { rule: { kind: "every", everyMs: hour } }));
    for (const id of ["p", "m", "r"])
      expect((await schedule(bench, id)).catchUp ?? null, id).toBeNull();
  });

  test("of two schedules share the evaluations", async ({ bench, expect }) => {
    const rule = { kind: "cron", cron: "* * * * *", timeZone: "UTC" } as const;
    bench.clock.advance(1_000);
    for (const id of ["s", "t"]) await put(bench, spec(id, { rule, missed: "all", maxMissed: 30 }));
    bench.clock.advance(5 * hour);
    const checks = await checkAll(bench, 20);
    for (const { spent } of checks) expect(spent).toBeLessThanOrEqual(24);
    expect(await runs(bench, "s")).toHaveLength(30);
    expect(await runs(bench, "t")).toHaveLength(30);
  });
});
