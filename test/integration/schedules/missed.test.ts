import { describe } from "vitest";
import type { Plan, Rule } from "../../../protocol/schedule/schedule.ts";
import { test } from "../../support/ledger.ts";
import {
  checkDue,
  everyMinute,
  minute,
  put,
  runs,
  schedule,
  spec,
} from "../../support/schedules.ts";

describe("after an outage", () => {
  const outage = 10 * minute;
  const cases: readonly [string, Partial<Plan>, readonly string[]][] = [
    ["latest runs the newest time", { missed: "latest" }, ["0", "600"]],
    ["skip runs the newest time if it is not late", { missed: "skip" }, ["0", "600"]],
    [
      "all runs each time",
      { missed: "all" },
      [
        "0",
        ...[60, 120, 180, 240, 300, 360, 420, 480].map((at) => `${at} late backfilled`),
        "540 backfilled",
        "600",
      ],
    ],
    [
      "all runs the newest times up to its cap",
      { missed: "all", maxMissed: 3 },
      ["0", "480 late backfilled", "540 backfilled", "600"],
    ],
    ["all with cancel runs the newest time", { missed: "all", overlap: "cancel" }, ["0", "600"]],
  ];
  test.for(cases)("%s", async ([, plan, wanted], { bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute, ...plan }));
    bench.clock.advance(outage);
    await checkDue(bench);
    expect(await runs(bench)).toEqual(wanted);
    expect(await checkDue(bench)).toMatchObject({ made: 0, nextInMs: minute });
    expect((await schedule(bench)).coversMs).toBe(bench.clock.now());
  });

  test("latest is late, and skip runs nothing, once the grace has passed", async ({
    bench,
    expect,
  }) => {
    const rule: Rule = { kind: "cron", cron: "0 * * * *", timeZone: "Asia/Kathmandu" };
    await put(bench, spec("s", { rule }), spec("t", { rule, missed: "skip" }));
    bench.clock.advance(5 * 60 * minute);
    await checkDue(bench);
    expect(await runs(bench, "s")).toHaveLength(1);
    expect((await runs(bench, "s"))[0]).toMatch(/ late$/);
    expect(await runs(bench, "t")).toEqual([]);
    const { lines } = await bench.schedules.history("default", "t");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"skipped":"missed"');
  });

  test("what exceeds one check is done by the next ones, in order", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute, missed: "all" }));
    bench.clock.advance(outage);
    expect(await checkDue(bench, { runs: 4 })).toMatchObject({ made: 4, nextInMs: 0 });
    expect(await runs(bench)).toHaveLength(5);
    expect(await checkDue(bench, { runs: 4 })).toMatchObject({ made: 4, nextInMs: 0 });
    expect(await checkDue(bench, { runs: 4 })).toMatchObject({ made: 2, nextInMs: minute });
    expect((await runs(bench)).map((run) => Number.parseInt(run, 10))).toEqual(
      Array.from({ length: 11 }, (_, at) => at * 60),
    );
  });

  test("a check of many schedules takes a share, and leaves the rest due", async ({
    bench,
    expect,
  }) => {
    const rule: Rule = { kind: "cron", cron: "* * * * *", timeZone: "UTC" };
    await put(bench, ...Array.from({ length: 30 }, (_, at) => spec(`s${at}`, { rule })));
    bench.clock.advance(minute);
    const made: number[] = [];
    for (;;) {
      const done = await checkDue(bench, { schedules: 8 });
      made.push(done.made);
      if (done.nextInMs !== 0) break;
    }
    expect(made).toEqual([8, 8, 8, 6]);
    bench.clock.advance(minute);
    // One evaluation serves all schedules that share the expression.
    expect(await checkDue(bench, { evaluations: 2 })).toMatchObject({ made: 30 });
  });
});
