import { describe } from "vitest";
import { nextTimes } from "../../../protocol/schedule/plan.ts";
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

const start = 1_800_000_000_000;

describe("a paused schedule", () => {
  test("makes no run, and continues from the present when it is resumed", async ({
    bench,
    expect,
  }) => {
    await put(bench, spec("s", { rule: everyMinute, missed: "all" }));
    expect(await bench.schedules.pause("default", "s")).toMatchObject({ kind: "changed" });
    expect(await bench.schedules.pause("default", "s")).toMatchObject({ kind: "unchanged" });
    bench.clock.advance(5.5 * minute);
    expect(await checkDue(bench)).toMatchObject({ made: 0, nextInMs: null });
    expect(nextTimes(await schedule(bench), 3)).toEqual([]);
    await bench.schedules.resume("default", "s");
    expect(await bench.schedules.resume("default", "s")).toMatchObject({ kind: "unchanged" });
    expect(await checkDue(bench)).toMatchObject({ made: 0, nextInMs: minute / 2 });
    bench.clock.advance(minute / 2);
    await checkDue(bench);
    expect(await runs(bench)).toEqual(["0", "360"]);
  });

  test("whose only time passed meanwhile runs when it is resumed", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: { kind: "at", atMs: start + 1_000 } }));
    await bench.schedules.pause("default", "s");
    bench.clock.advance(minute);
    await bench.schedules.resume("default", "s");
    expect(await runs(bench)).toEqual(["1"]);
    expect(await bench.schedules.pause("default", "s")).toMatchObject({ kind: "unfit" });
    expect(await bench.schedules.resume("default", "s")).toMatchObject({ kind: "unfit" });
  });

  test("stays paused when it is given another content", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute }));
    await bench.schedules.pause("default", "s");
    await put(bench, spec("s", { rule: { kind: "every", everyMs: 5_000 } }));
    expect((await schedule(bench)).state).toBe("paused");
    bench.clock.advance(minute);
    expect(await checkDue(bench)).toMatchObject({ made: 0 });
  });
});

describe("the next time", () => {
  test.for([
    ["sooner", 30, ["0", "30", "120"]],
    ["later, past some of the others", 150, ["0", "150", "180"]],
    ["into the past", -30, ["-30", "0", "120"]],
  ] as const)("is moved %s, and the grid stays", async ([, seconds, wanted], { bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute }));
    const atMs = start + seconds * 1_000;
    const moved = await bench.schedules.move("default", "s", atMs);
    expect(moved).toMatchObject({ kind: "changed", schedule: { nextMs: atMs } });
    expect(await bench.schedules.move("default", "s", atMs)).toMatchObject({ kind: "unchanged" });
    const shown = nextTimes(await schedule(bench), 2);
    for (let step = 0; step < 20; step++) {
      await checkDue(bench);
      bench.clock.advance(10_000);
    }
    expect((await runs(bench)).slice(0, 3)).toEqual(wanted);
    expect(shown[0]).toBe(atMs);
  });

  test("of a single run is moved, and it runs once", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: { kind: "in", inMs: 5_000 } }));
    await bench.schedules.move("default", "s", start + 20_000);
    bench.clock.advance(19_999);
    expect(await checkDue(bench)).toMatchObject({ made: 0 });
    bench.clock.advance(1);
    await checkDue(bench);
    expect(await runs(bench)).toEqual(["20"]);
    expect(await bench.schedules.move("default", "s", start)).toMatchObject({ kind: "unfit" });
  });

  test("that was moved while paused counts once it is resumed", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute }));
    await bench.schedules.pause("default", "s");
    await bench.schedules.move("default", "s", start + 90_000);
    await bench.schedules.resume("default", "s");
    bench.clock.advance(90_000);
    await checkDue(bench);
    expect(await runs(bench)).toEqual(["0", "90"]);
  });
});

test("a deleted schedule is gone with its history, but its runs stay", async ({
  bench,
  expect,
}) => {
  await put(bench, spec("s", { rule: everyMinute }), spec("t", { rule: everyMinute }));
  expect(await bench.schedules.delete("default", ["s", "x"], "declared")).toEqual([
    "foreign",
    "unknown",
  ]);
  expect(await bench.schedules.delete("default", ["s", "x"], "http")).toEqual([
    "deleted",
    "unknown",
  ]);
  bench.clock.advance(minute);
  expect(await checkDue(bench)).toMatchObject({ made: 1 });
  expect(await runs(bench)).toEqual(["0"]);
  await bench.schedules.delete("default", ["t"], "http");
  const keys = [bench.keys.schedules, bench.keys.schedule_ids, bench.keys.history, bench.keys.due];
  expect(await bench.redis.exists(keys)).toBe(0);
  for (const change of [
    bench.schedules.pause("default", "s"),
    bench.schedules.runNow("default", "s", "n"),
    bench.schedules.move("default", "s", start),
  ]) {
    expect(await change).toEqual({ kind: "unknown" });
  }
});

test("history keeps the last lines, and the states of the runs", async ({ bench, expect }) => {
  const rule = everyMinute;
  await put(bench, spec("s", { rule, keepHistory: 3 }), spec("t", { rule, keepHistory: 0 }));
  for (let minutes = 0; minutes < 5; minutes++) {
    bench.clock.advance(minute);
    await checkDue(bench);
  }
  await bench.ledger.cancel("default", "s@1800000300000");
  const { lines, states } = await bench.schedules.history("default", "s");
  expect(lines.map((line) => (JSON.parse(line) as { at: number }).at)).toEqual(
    [300, 240, 180].map((seconds) => start + seconds * 1_000),
  );
  expect([...states.values()]).toEqual(["cancelled", "Q", "Q"]);
  expect(await bench.schedules.history("default", "t")).toMatchObject({ lines: [] });
  expect(await bench.redis.hexists(bench.keys.history, "t")).toBe(0);
});

test("schedules are listed by id in pages, and counted by due time", async ({ bench, expect }) => {
  const ids = Array.from({ length: 25 }, (_, at) => `s${String(at).padStart(2, "0")}`);
  await put(
    bench,
    ...ids.map((id, at) => spec(id, { rule: { kind: "at", atMs: start + (at + 1) * 1_000 } })),
  );
  const seen: string[] = [];
  let from = "-";
  for (;;) {
    const page = await bench.schedules.list("default", { from, limit: 10, before: "-" });
    seen.push(...page.schedules.map(({ id }) => id));
    if (page.last === null) break;
    from = page.last;
  }
  expect(seen).toEqual(ids);
  const due = { from: "-", limit: 100, before: String(start + 7_000) };
  expect((await bench.schedules.list("default", due)).schedules).toHaveLength(7);
  expect(await bench.schedules.count(["default", "other"], null)).toBe(25);
  expect(await bench.schedules.count(["default"], start + 7_000)).toBe(7);
  bench.clock.advance(3_000);
  await checkDue(bench);
  expect(await bench.schedules.count(["default"], start + 7_000)).toBe(4);
});
