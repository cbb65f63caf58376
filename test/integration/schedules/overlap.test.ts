import { describe } from "vitest";
import { maxWaiting } from "../../../protocol/scripts/apply-steps.ts";
import type { Envelope } from "../../../protocol/wire/messages.ts";
import { ended, type LedgerBench, taking, test, timing } from "../../support/ledger.ts";
import {
  checkDue,
  everyMinute,
  minute,
  put,
  runs,
  schedule,
  spec,
} from "../../support/schedules.ts";

/** A node with enough slots, and one check a minute. */
async function started(bench: LedgerBench) {
  const { ear } = await bench.connect("1", 5);
  return {
    ear,
    /** The envelopes that were sent since the start. */
    sent: async (): Promise<readonly Envelope[]> => {
      await ear.settled();
      return ear.envelopes();
    },
    nextMinute: async () => {
      bench.clock.advance(minute);
      const members = (await bench.state()).leases;
      if (members.length > 0) await bench.nodes.renew("default", members);
      return checkDue(bench);
    },
    end: (envelope: Envelope | undefined) => {
      if (envelope === undefined) throw new Error("expected a delivery");
      return bench.nodes.finish("default", [ended(envelope)], taking("1"));
    },
  };
}

describe("while the previous run has not ended", () => {
  test("allow makes another", async ({ bench, expect }) => {
    const { nextMinute, sent } = await started(bench);
    await put(bench, spec("s", { rule: everyMinute, overlap: "allow" }));
    await nextMinute();
    expect(await sent()).toHaveLength(2);
  });

  test("skip makes none, and records that", async ({ bench, expect }) => {
    const { nextMinute, sent, end } = await started(bench);
    await put(bench, spec("s", { rule: everyMinute, overlap: "skip", count: 2 }));
    expect(await nextMinute()).toMatchObject({ made: 0 });
    expect(await nextMinute()).toMatchObject({ made: 0 });
    const { lines } = await bench.schedules.history("default", "s");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { at: 1_800_000_120_000, skipped: "overlap" },
      { at: 1_800_000_060_000, skipped: "overlap" },
      { id: "s@1800000000000" },
    ]);
    await end((await sent())[0]);
    // What was skipped does not count as a run.
    expect(await nextMinute()).toMatchObject({ made: 1 });
    expect(await runs(bench)).toEqual(["0", "180"]);
    expect(await schedule(bench)).toMatchObject({ state: "ended", made: 2 });
  });

  test("skip counts a deleted run as ended, and a stopping run as running", async ({
    bench,
    expect,
  }) => {
    const { nextMinute, sent, end } = await started(bench);
    await put(bench, spec("s", { rule: everyMinute, overlap: "skip" }));
    const [first] = await sent();
    await end(first);
    await bench.ledger.delete("default", [first?.id ?? ""]);
    expect(await nextMinute()).toMatchObject({ made: 1 });
    await bench.ledger.cancel("default", "s@1800000060000");
    expect(await nextMinute()).toMatchObject({ made: 0 }); // it was asked to stop, and has not stopped
  });

  test("queue keeps the run until then, and starts it immediately", async ({ bench, expect }) => {
    const control = await bench.listenToControl();
    const { nextMinute, sent, end } = await started(bench);
    await put(bench, spec("s", { rule: everyMinute, overlap: "queue", count: 4 }));
    await nextMinute();
    await nextMinute();
    expect((await schedule(bench)).waiting).toEqual([1_800_000_060_000, 1_800_000_120_000]);
    const [first] = await sent();
    expect(first?.id).toBe("s@1800000000000+");
    await end(first);
    await control.settled();
    expect(control.heard.at(-1)).toBe('{"v":1,"queue":"default","dueInMs":0}');
    expect(await checkDue(bench)).toMatchObject({ made: 1 });
    expect(await checkDue(bench)).toMatchObject({ made: 0 });
    const [, second] = await sent();
    expect(second).toMatchObject({ schedule: { at: 1_800_000_060_000 } });
    await nextMinute(); // the fourth and last
    expect(await schedule(bench)).toMatchObject({ state: "active", nextMs: null });
    await end(second);
    await checkDue(bench);
    await end((await sent())[2]);
    await checkDue(bench);
    expect(await runs(bench)).toEqual(["0", "60", "120", "180"]);
    expect(await schedule(bench)).toMatchObject({ state: "ended", made: 4, waiting: [] });
  });

  test("queue notices by itself that a run has ended without a mark", async ({ bench, expect }) => {
    const { nextMinute, sent, end } = await started(bench);
    const rule = { kind: "every", everyMs: 10 * minute } as const;
    await put(bench, spec("s", { rule, overlap: "queue" }));
    for (let minutes = 0; minutes < 10; minutes++) await nextMinute();
    expect((await schedule(bench)).waiting).toHaveLength(1);
    const [first] = await sent();
    await end(first);
    // As if the mark that its end left had been lost.
    await bench.redis.zadd(bench.keys.due, bench.clock.now() + minute, "/s");
    expect(await nextMinute()).toMatchObject({ made: 1 });
  });

  test.for(["cancelled", "lost", "expired"])(
    "queue continues if the previous run was %s",
    async (how, { bench, expect }) => {
      const job = how === "expired" ? { ttlMs: 2 * minute } : { attempts: 1 };
      if (how === "lost") await bench.connect("1", 1);
      await put(bench, spec("s", { rule: everyMinute, overlap: "queue" }, job));
      if (how === "lost") {
        const members = (await bench.state()).leases;
        await bench.nodes.renew("default", members);
      }
      bench.clock.advance(minute);
      await checkDue(bench);
      expect((await schedule(bench)).waiting).toHaveLength(1);
      if (how === "cancelled") await bench.ledger.cancel("default", "s@1800000000000+");
      bench.clock.advance(timing.leaseMs);
      if (how === "lost") await bench.maintenance.recover(["default"], 10);
      if (how === "expired") {
        bench.clock.advance(minute - timing.leaseMs);
        await checkDue(bench);
      }
      await checkDue(bench);
      expect(await runs(bench)).toContain("60");
    },
  );

  test("queue keeps a bounded number of runs", async ({ bench, expect }) => {
    await put(
      bench,
      spec("s", { rule: everyMinute, overlap: "queue", missed: "all", maxMissed: 1_000 }),
    );
    bench.clock.advance((maxWaiting + 50) * minute);
    await checkDue(bench);
    expect((await schedule(bench)).waiting).toHaveLength(maxWaiting);
    const { lines } = await bench.schedules.history("default", "s");
    expect(lines[0]).toContain('"skipped":"queue_full"');
    expect(lines).toHaveLength(20);
  });

  test("cancel stops it, and makes the new run", async ({ bench, expect }) => {
    const control = await bench.listenToControl();
    const { nextMinute, sent } = await started(bench);
    await put(bench, spec("s", { rule: everyMinute, overlap: "cancel" }));
    expect(await nextMinute()).toMatchObject({ made: 1 });
    expect(await sent()).toHaveLength(2);
    await control.settled();
    expect(control.heard.join()).toContain('"cancel":"s@1800000000000 ');
  });

  test("cancel ends a run that waits", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute, overlap: "cancel" }));
    bench.clock.advance(minute);
    await checkDue(bench);
    expect(await bench.ledger.read("default", "s@1800000000000")).toMatchObject({
      state: "cancelled",
    });
    expect(await bench.ledger.read("default", "s@1800000060000")).toMatchObject({
      state: "queued",
    });
  });
});

test("a run requested by hand is made whatever else runs, once for each nonce", async ({
  bench,
  expect,
}) => {
  const { sent } = await started(bench);
  await put(bench, spec("s", { rule: everyMinute, overlap: "skip" }));
  const before = await schedule(bench);
  for (let time = 0; time < 2; time++) await bench.schedules.runNow("default", "s", "n1");
  expect((await sent()).map(({ id }) => id)).toEqual(["s@1800000000000", "s@n1"]);
  expect(await schedule(bench)).toMatchObject({ nextMs: before.nextMs, coversMs: before.coversMs });
  expect(await bench.ledger.read("default", "s@n1")).toMatchObject({
    body: ',"schedule":{"id":"s","at":1800000000000,"manual":true}}',
  });
  bench.clock.advance(minute);
  expect(await checkDue(bench)).toMatchObject({ made: 0 });
});
