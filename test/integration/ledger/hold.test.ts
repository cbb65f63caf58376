import { describe } from "vitest";
import {
  job,
  jobs,
  joinAs,
  type LedgerBench,
  memberOf,
  test,
  timing,
} from "../../support/ledger.ts";

/** Sends `count` jobs to node 1. */
async function sent(bench: LedgerBench, count: number) {
  const { ear, epoch } = await bench.connect("1", count);
  await bench.ledger.dispatch(jobs(count, "j"));
  await ear.settled();
  return { epoch, envelopes: ear.envelopes() };
}

/** When each lease ends, in milliseconds from now, by job. */
async function endsOf(bench: LedgerBench): Promise<Readonly<Record<string, number>>> {
  const words = await bench.redis.zrange(bench.keys.leases, "0", "-1", "WITHSCORES");
  const ends: Record<string, number> = {};
  for (let at = 0; at < words.length; at += 2) {
    const id = words[at]?.split(" ")[0] ?? "";
    if (id !== "watch") ends[id] = Number(words[at + 1]) - bench.clock.now();
  }
  return ends;
}

const idsOf = (envelopes: readonly { readonly id: string }[]) => envelopes.map(({ id }) => id);

describe("hold", () => {
  test("keeps deliveries that nobody has acknowledged, and does not acknowledge them", async ({
    bench,
    expect,
  }) => {
    const { epoch, envelopes } = await sent(bench, 3);
    bench.clock.advance(900);
    const row = { node: "1", epoch };
    expect(await bench.nodes.hold("default", row)).toBe(3);
    const kept = Object.fromEntries(idsOf(envelopes).map((id) => [id, timing.unacknowledgedMs]));
    expect(await endsOf(bench)).toEqual(kept);
    expect(await bench.nodes.hold("default", row), "repeated").toBe(3);
    expect(await endsOf(bench)).toEqual(kept);
    bench.clock.advance(timing.unacknowledgedMs);
    await bench.maintenance.recover(["default"], 10);
    for (const { id } of envelopes) {
      expect(await bench.ledger.read("default", id)).toMatchObject({ attemptsUsed: 0 });
    }
  });

  test("leaves acknowledged attempts and other nodes as they are", async ({ bench, expect }) => {
    const { epoch, envelopes } = await sent(bench, 2);
    const { ear, epoch: other } = await bench.connect("11", 1);
    await bench.ledger.dispatch([job("of-11", { node: "11" })]);
    await ear.settled();
    await bench.nodes.renew("default", envelopes.slice(0, 1).map(memberOf));
    bench.clock.advance(500);
    expect(await bench.nodes.hold("default", { node: "1", epoch })).toBe(1);
    const [first = "", second = ""] = idsOf(envelopes);
    expect(await endsOf(bench)).toEqual({
      [first]: timing.leaseMs - 500 + 0.5,
      [second]: timing.unacknowledgedMs,
      "of-11": timing.unacknowledgedMs - 500,
    });
    expect(await bench.nodes.hold("default", { node: "11", epoch: other })).toBe(1);
  });

  test("shortens no lease", async ({ bench, expect }) => {
    const { epoch, envelopes } = await sent(bench, 1);
    const [member = ""] = envelopes.map(memberOf);
    const late = bench.clock.now() + timing.foreignMs;
    await bench.redis.zadd(bench.keys.leases, "XX", late, member);
    expect(await bench.nodes.hold("default", { node: "1", epoch })).toBe(1);
    expect(Object.values(await endsOf(bench))).toEqual([timing.foreignMs]);
  });

  test("does nothing for a node that another process has joined as, or that is gone", async ({
    bench,
    expect,
  }) => {
    const { epoch } = await sent(bench, 1);
    bench.clock.advance(10);
    const successor = await joinAs(bench.nodes, { name: "1", slots: 1 });
    const before = await endsOf(bench);
    bench.clock.advance(10);
    expect(await bench.nodes.hold("default", { node: "1", epoch })).toBe(0);
    await bench.nodes.leave("default", { node: "1", epoch: successor }, "gone");
    expect(await bench.nodes.hold("default", { node: "1", epoch: successor })).toBe(0);
    for (const [id, ends] of Object.entries(await endsOf(bench))) {
      expect(ends).toBe((before[id] ?? 0) - 10);
    }
  });

  test("is done by a Redis that is out of memory, and for thousands of deliveries", async ({
    bench,
    expect,
  }) => {
    const { epoch } = await bench.connect("1", 1_000);
    for (let batch = 0; batch < 3; batch++) {
      await joinAs(bench.nodes, { name: "1", slots: (batch + 1) * 1_000, epoch });
      await bench.ledger.dispatch(jobs(1_000, `batch${batch}-`));
    }
    await bench.redis.config("SET", "maxmemory", "1");
    try {
      expect(await bench.nodes.hold("default", { node: "1", epoch })).toBe(3_000);
    } finally {
      await bench.redis.config("SET", "maxmemory", "0");
    }
  });
});
