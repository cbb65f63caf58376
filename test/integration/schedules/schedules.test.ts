import { describe } from "vitest";
import { defaultPlan, dueMember } from "../../../protocol/schedule/schedule.ts";
import { endedMs } from "../../../protocol/scripts/apply-steps.ts";
import { ended, taking, test } from "../../support/ledger.ts";
import {
  checkDue,
  everyMinute,
  minute,
  put,
  runs,
  schedule,
  spec,
} from "../../support/schedules.ts";

describe("a schedule", () => {
  test("makes its first run immediately, and each on its grid however late it is checked", async ({
    bench,
    expect,
  }) => {
    const [answer] = await put(bench, spec("s", { rule: everyMinute }, { payload: { a: 1 } }));
    expect(answer?.verdict).toBe("created");
    expect(await runs(bench)).toEqual(["0"]);
    bench.clock.advance(60_700);
    expect(await checkDue(bench)).toMatchObject({ made: 1, nextInMs: 59_300 });
    bench.clock.advance(59_300);
    expect(await checkDue(bench)).toMatchObject({ made: 1, nextInMs: minute });
    expect(await runs(bench)).toEqual(["0", "60", "120"]);
    expect(await bench.ledger.read("default", `s@1800000060000`)).toMatchObject({
      name: "echo",
      body: ',"schedule":{"id":"s","at":1800000060000},"payload":{"a":1}}',
    });
    expect(await schedule(bench)).toMatchObject({ made: 3, state: "active" });
  });

  test("runs at its own time only", async ({ bench, expect }) => {
    const atMs = bench.clock.now() + 5_000;
    await put(bench, spec("s", { rule: { kind: "at", atMs } }));
    bench.clock.advance(4_999);
    expect(await checkDue(bench)).toMatchObject({ made: 0, nextInMs: 1 });
    bench.clock.advance(1);
    expect(await checkDue(bench)).toMatchObject({ made: 1, nextInMs: endedMs });
    expect(await schedule(bench)).toMatchObject({ state: "ended", nextMs: null });
  });

  test("makes each run once, however many checks run concurrently", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: everyMinute }), spec("t", { rule: everyMinute }));
    bench.clock.advance(minute);
    const done = await Promise.all(Array.from({ length: 8 }, () => checkDue(bench)));
    expect(done.reduce((sum, { made }) => sum + made, 0)).toBe(2);
    expect(await runs(bench)).toEqual(["0", "60"]);
    expect([...(await bench.state()).indexed].sort()).toEqual(
      [0, 60_000]
        .flatMap((ms) => [`s@${1_800_000_000_000 + ms}`, `t@${1_800_000_000_000 + ms}`])
        .sort(),
    );
  });

  test("continues when its run is deleted", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await put(bench, spec("s", { rule: everyMinute }));
    await ear.settled();
    const [envelope] = ear.envelopes();
    if (envelope === undefined) throw new Error("expected a delivery");
    await bench.nodes.finish("default", [ended(envelope)], taking("1"));
    expect(await bench.ledger.delete("default", [envelope.id])).toEqual(["deleted"]);
    bench.clock.advance(minute);
    expect(await checkDue(bench)).toMatchObject({ made: 1 });
  });

  test("put again with the same content changes nothing, with another plan starts over", async ({
    bench,
    expect,
  }) => {
    await put(bench, spec("s", { rule: everyMinute, count: 5 }, { payload: { a: 1, b: 2 } }));
    const before = await schedule(bench);
    const [same] = await put(
      bench,
      spec("s", { count: 5, rule: everyMinute }, { payload: { a: 1, b: 2 } }),
    );
    expect(same?.verdict).toBe("unchanged");
    expect(await schedule(bench)).toEqual(before);

    bench.clock.advance(10_000);
    const [other] = await put(bench, spec("s", { rule: everyMinute, count: 5 }, { payload: 2 }));
    expect(other?.verdict).toBe("replaced");
    expect(await schedule(bench)).toMatchObject({
      made: 1,
      nextMs: before.nextMs,
      anchorMs: before.anchorMs,
      job: { payload: 2 },
    });
    bench.clock.advance(5_000);
    await put(bench, spec("s", { rule: { kind: "every", everyMs: 30_000 }, count: 5 }));
    expect(await schedule(bench)).toMatchObject({ made: 1, nextMs: bench.clock.now() + 30_000 });
    expect(await runs(bench)).toEqual(["0", "15"]);
  });

  test("that is put again after a lost answer is answered as the first time", async ({
    bench,
    expect,
  }) => {
    const options = { source: "http", nonce: "same", max: 10 } as const;
    for (const rule of [everyMinute, { kind: "every", everyMs: 5_000 } as const]) {
      const verdicts: (string | undefined)[] = [];
      for (let time = 0; time < 2; time++) {
        verdicts.push((await bench.schedules.put([spec("s", { rule })], options))[0]?.verdict);
      }
      expect(verdicts).toEqual(
        rule === everyMinute ? ["created", "created"] : ["replaced", "replaced"],
      );
    }
    expect(
      (await put(bench, spec("s", { rule: { kind: "every", everyMs: 5_000 } })))[0]?.verdict,
    ).toBe("unchanged");
  });

  test("is refused if the queue has as many as are allowed", async ({ bench, expect }) => {
    const options = { source: "http", nonce: "x", max: 2 } as const;
    const specs = ["a", "b", "c"].map((id) => spec(id, { rule: everyMinute }));
    const answers = await bench.schedules.put(specs, options);
    expect(answers.map(({ verdict }) => verdict)).toEqual(["created", "created", "full"]);
    expect(await bench.schedules.count(["default"], null)).toBe(2);
  });

  test("that has ended is deleted after a day, with everything that is known of it", async ({
    bench,
    expect,
  }) => {
    await put(bench, spec("s", { rule: { kind: "in", inMs: 1_000 } }));
    bench.clock.advance(1_000);
    await checkDue(bench);
    bench.clock.advance(endedMs - 1);
    await checkDue(bench);
    expect((await schedule(bench)).state).toBe("ended");
    bench.clock.advance(1);
    expect(await checkDue(bench)).toMatchObject({ nextInMs: null });
    const keys = [
      bench.keys.schedules,
      bench.keys.schedule_ids,
      bench.keys.history,
      bench.keys.due,
    ];
    expect(await bench.redis.exists(keys)).toBe(0);
  });

  test("that was put again after it had ended is not deleted", async ({ bench, expect }) => {
    await put(bench, spec("s", { rule: { kind: "in", inMs: 0 + 1 } }));
    bench.clock.advance(1);
    await checkDue(bench);
    await put(bench, spec("s", { rule: { kind: "every", everyMs: 10 * endedMs } }));
    bench.clock.advance(endedMs + 1);
    await checkDue(bench);
    expect((await schedule(bench)).state).toBe("active");
  });

  test("whose times cannot be computed rests, says why, and blocks nothing", async ({
    bench,
    expect,
  }) => {
    await put(bench, spec("s", { rule: everyMinute }), spec("t", { rule: everyMinute }));
    const record = (await bench.redis.hget(bench.keys.schedules, "s")) ?? "";
    const plan = JSON.stringify({
      ...defaultPlan,
      rule: { kind: "cron", cron: "x", timeZone: "y" },
    });
    const lines = record.split("\n");
    lines[1] = plan;
    await bench.redis.hset(bench.keys.schedules, "s", lines.join("\n"));
    bench.clock.advance(minute);
    // The next time is known and is run; the time after it is not.
    const done = await checkDue(bench);
    expect(done.faulty).toMatchObject([{ id: "s" }]);
    expect(done).toMatchObject({ made: 1, nextInMs: minute });
    const { state, error } = await schedule(bench);
    expect({ state, error }).toMatchObject({ state: "faulty", error: /five or six cron fields/ });
    expect(await bench.redis.zscore(bench.keys.due, dueMember("s"))).toBeNull();
  });

  test("whose record is gone or cannot be read is removed from what is due", async ({
    bench,
    expect,
  }) => {
    await put(bench, spec("s", { rule: everyMinute }), spec("t", { rule: everyMinute }));
    await put(bench, spec("u", { rule: everyMinute }));
    await bench.redis.hset(bench.keys.schedules, "s", "nonsense");
    await bench.redis.hdel(bench.keys.schedules, "t");
    const record = (await bench.redis.hget(bench.keys.schedules, "u")) ?? "";
    await bench.redis.hset(bench.keys.schedules, "u", record.replace("{", "("));
    bench.clock.advance(minute);
    expect(await checkDue(bench)).toMatchObject({ made: 0, nextInMs: null });
    expect(await bench.redis.exists(bench.keys.due)).toBe(0);
  });
});

describe("bounds", () => {
  test("start, end and count hold", async ({ bench, expect }) => {
    const now = bench.clock.now();
    const from = { startMs: now + 90_000, endMs: now + 210_000 };
    await put(
      bench,
      spec("s", { rule: everyMinute, ...from }),
      spec("t", { rule: everyMinute, count: 2 }),
      spec("u", { rule: { kind: "every", everyMs: minute, aligned: true }, ...from }),
    );
    for (let second = 0; second < 300; second++) {
      await checkDue(bench);
      bench.clock.advance(1_000);
    }
    expect(await runs(bench, "s")).toEqual(["90", "150", "210"]);
    expect(await runs(bench, "t")).toEqual(["0", "60"]);
    expect(await runs(bench, "u")).toEqual(["120", "180"]);
    for (const id of ["s", "t", "u"]) expect((await schedule(bench, id)).state).toBe("ended");
  });

  test("jitter delays each run by an amount that follows from id and time", async ({
    bench,
    expect,
  }) => {
    await put(bench, spec("s", { rule: everyMinute, jitterMs: 20_000 }));
    const offs: number[] = [];
    let seen = 0;
    for (let second = 0; second < 600; second++) {
      await checkDue(bench);
      const all = await runs(bench);
      if (all.length > seen) offs.push(second - Number(all.at(-1)));
      seen = all.length;
      bench.clock.advance(1_000);
    }
    expect(offs.length).toBe(10);
    expect(Math.max(...offs)).toBeLessThanOrEqual(20);
    expect(new Set(offs).size).toBeGreaterThan(4);
  });
});
