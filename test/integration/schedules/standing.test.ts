/** Runs whose id another job has: not made, not counted, and said in the history. */
import { describe } from "vitest";
import { job, type LedgerBench, test } from "../../support/ledger.ts";
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

async function notes(bench: LedgerBench, id = "s") {
  const { lines } = await bench.schedules.history("default", id);
  return lines.map((line) => {
    const { id: run, skipped } = JSON.parse(line) as { id?: string; skipped?: string };
    return run ?? skipped;
  });
}

describe("a run that was made before", () => {
  test("is not counted again when the schedule is moved to its time", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute, count: 3 }));
    bench.clock.advance(10_000);
    await bench.schedules.move("default", "s", start);
    expect(await checkDue(bench)).toMatchObject({ made: 0 });
    expect(await schedule(bench)).toMatchObject({
      made: 1,
      state: "active",
      lastRun: `s@${start}`,
    });
    expect(await notes(bench)).toEqual(["already_run", `s@${start}`]);
    for (let step = 0; step < 5; step++) {
      bench.clock.advance(minute);
      await checkDue(bench);
    }
    expect(await runs(bench)).toHaveLength(3);
    expect(await schedule(bench)).toMatchObject({ made: 3, state: "ended" });
  });

  test.for(["allow", "skip", "queue", "cancel"] as const)(
    "is not counted when the schedule is deleted and put again: %s",
    async (overlap, { bench, expect }) => {
      const once = spec("s", { rule: { kind: "at", atMs: start - 5_000 }, overlap });
      await put(bench, once);
      const made = await schedule(bench);
      expect(made).toMatchObject({ made: 1, state: "ended" });
      await bench.schedules.delete("default", ["s"], "http");
      await put(bench, once);
      expect(await schedule(bench)).toMatchObject({ made: 0, lastRun: null, state: "ended" });
      expect(await notes(bench)).toEqual(["already_run"]);
      expect(await runs(bench)).toEqual(["-5"]);
    },
  );

  test("by hand is made once, and counts once", async ({ bench, expect }) => {
    const later = { kind: "every", everyMs: minute } as const;
    await put(bench, spec("s", { rule: later, startMs: start + minute, count: 2 }));
    for (const kind of ["changed", "unchanged", "unchanged"]) {
      expect(await bench.schedules.runNow("default", "s", "k")).toMatchObject({
        kind,
        schedule: { made: 1, state: "active", nextMs: start + minute },
      });
    }
    expect(await notes(bench)).toEqual(["s@k"]);
    bench.clock.advance(minute);
    expect(await checkDue(bench)).toMatchObject({ made: 1 });
    expect(await schedule(bench)).toMatchObject({ made: 2, state: "ended" });
  });
});

describe("a job that is no run of the schedule", () => {
  test.for([
    ["a job of a client", {}],
    ["one that says so in its payload", { payload: { schedule: { id: "s", at: start + minute } } }],
    ["one whose payload is the text of a run", { payload: `,"schedule":{"id":"s","at":1}` }],
  ] as const)(
    "takes the place of a run, which is said: %s",
    async ([, more], { bench, expect }) => {
      await put(bench, spec("s", { rule: everyMinute, count: 3 }));
      await bench.ledger.dispatch([job(`s@${start + minute}`, more)]);
      bench.clock.advance(minute);
      expect(await checkDue(bench)).toMatchObject({ made: 0, nextInMs: minute });
      expect(await schedule(bench)).toMatchObject({ made: 1, lastRun: `s@${start}` });
      expect(await notes(bench)).toEqual(["id_taken", `s@${start}`]);
      bench.clock.advance(minute);
      expect(await checkDue(bench)).toMatchObject({ made: 1 });
    },
  );

  test("does not hold up the runs that wait", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute, overlap: "queue" }));
    await bench.ledger.dispatch([job(`s@${start + minute}+`)]);
    for (let step = 0; step < 2; step++) {
      bench.clock.advance(minute);
      await checkDue(bench);
    }
    expect((await schedule(bench)).waiting).toHaveLength(2);
    await bench.ledger.cancel("default", `s@${start}+`);
    expect(await checkDue(bench)).toMatchObject({ made: 1 });
    expect(await schedule(bench)).toMatchObject({ made: 2, lastRun: `s@${start + 2 * minute}+` });
    expect((await notes(bench)).slice(0, 2)).toEqual([`s@${start + 2 * minute}+`, "id_taken"]);
  });

  test("refuses a run by hand, and nothing is changed", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute }));
    await bench.ledger.dispatch([job("s@k")]);
    const before = await schedule(bench);
    expect(await bench.schedules.runNow("default", "s", "k")).toMatchObject({ kind: "taken" });
    expect(await schedule(bench)).toEqual(before);
    expect(await bench.schedules.runNow("default", "s", "l")).toMatchObject({ kind: "changed" });
  });
});

describe("a schedule that is paused, moved and resumed", () => {
  test.for([
    ["once", [90_000]],
    ["twice", [90_000, 150_000]],
    ["into the past", [-30_000]],
  ] as const)("is active again: %s", async ([, moves], { bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute }));
    await bench.schedules.pause("default", "s");
    for (const ms of moves) await bench.schedules.move("default", "s", start + ms);
    expect(await bench.schedules.resume("default", "s")).toMatchObject({
      kind: "changed",
      schedule: { state: "active" },
    });
    for (let step = 0; step < 20; step++) {
      bench.clock.advance(15_000);
      await checkDue(bench);
    }
    const last = moves.at(-1) ?? 0;
    // A move into the past replaces the next time as well, and nothing is made up for.
    const grid = [60, 120, 180, 240, 300].filter((at) => at * 1_000 > Math.max(last, minute));
    const wanted = [0, ...(last > 0 ? [last / 1_000] : []), ...grid];
    expect(await runs(bench)).toEqual(wanted.map(String));
  });

  test("is active again after a move while it is active, and while it was faulty", async ({
    bench,
    expect,
  }) => {
    await put(bench, spec("s", { rule: { kind: "in", inMs: 5_000 } }));
    await bench.schedules.pause("default", "s");
    await bench.schedules.move("default", "s", start + 20_000);
    await bench.schedules.resume("default", "s");
    await bench.schedules.move("default", "s", start + 30_000);
    bench.clock.advance(30_000);
    expect(await checkDue(bench)).toMatchObject({ made: 1 });
    expect(await schedule(bench)).toMatchObject({ state: "ended", made: 1 });
  });
});

describe("a schedule that would never run", () => {
  const past = start - minute;
  const cases = [
    ["an end that has passed", { rule: everyMinute, endMs: past }],
    ["an end before the first cron time", { rule: cron("0 0 1 1 *"), endMs: start + minute }],
    ["an end before the first aligned time", { rule: aligned(7e9), endMs: start + minute }],
    ["a delay beyond the end", { rule: { kind: "in", inMs: minute }, endMs: start + 1_000 }],
    ["a delay that ends before the start", { rule: { kind: "in", inMs: 1 }, startMs: start + 2 }],
    ["a time after the end", { rule: { kind: "at", atMs: start + 2 }, endMs: start + 1 }],
    ["a time before the start", { rule: { kind: "at", atMs: start + 2 }, startMs: start + 3 }],
    ["a past time that is to be skipped", { rule: at(start - 91_000), missed: "skip" }],
    ["no cron time between", { rule: cron("0 0 29 2 *"), startMs: start, endMs: start + 1e9 }],
  ] as const;
  test.for(cases)("is refused, and changes nothing: %s", async ([, plan], { bench, expect }) => {
    const [answer] = await put(bench, spec("s", plan));
    expect(answer).toEqual({ verdict: "never", schedule: null });
    expect(await bench.schedules.read(["default"], "s")).toBeNull();
    await put(bench, spec("s", { rule: everyMinute }));
    const before = await schedule(bench);
    expect((await put(bench, spec("s", plan)))[0]?.verdict).toBe("never");
    expect(await schedule(bench)).toEqual(before);
  });

  test.for([
    ["an end that is now", { rule: everyMinute, endMs: start }],
    ["a start that is the end", { rule: everyMinute, startMs: start + 9, endMs: start + 9 }],
    ["a delay up to the end", { rule: { kind: "in", inMs: minute }, endMs: start + minute }],
    ["a time that has passed", { rule: at(start - 1e9) }],
    ["a past time within the grace", { rule: at(start - 89_000), missed: "skip" }],
  ] as const)("is not one with %s", async ([, plan], { bench, expect }) => {
    expect((await put(bench, spec("s", plan)))[0]?.verdict).toBe("created");
    bench.clock.advance(minute);
    await checkDue(bench);
    expect(await runs(bench)).toHaveLength(1);
  });

  test("is not one that has ended and is put again as it is", async ({ bench, expect }) => {
    const same = spec("s", { rule: everyMinute, endMs: start + minute });
    await put(bench, same);
    bench.clock.advance(5 * minute);
    await checkDue(bench);
    expect((await put(bench, same))[0]?.verdict).toBe("unchanged");
    const other = spec("s", { rule: everyMinute, endMs: start + minute }, { payload: 1 });
    expect((await put(bench, other))[0]?.verdict).toBe("replaced");
  });

  test("is not made by a move", async ({ bench, expect }) => {
    const bounds = { startMs: start, endMs: start + 5 * minute };
    await put(bench, spec("s", { rule: everyMinute, ...bounds }));
    const before = await schedule(bench);
    for (const ms of [bounds.startMs - 1, bounds.endMs + 1])
      expect(await bench.schedules.move("default", "s", ms)).toMatchObject({ kind: "outside" });
    expect(await schedule(bench)).toEqual(before);
    expect(await bench.schedules.move("default", "s", bounds.endMs)).toMatchObject({
      kind: "changed",
    });
  });
});

function at(atMs: number) {
  return { kind: "at", atMs } as const;
}

function cron(text: string) {
  return { kind: "cron", cron: text, timeZone: "UTC" } as const;
}

function aligned(everyMs: number) {
  return { kind: "every", everyMs, aligned: true } as const;
}
