import { describe } from "vitest";
import { ended, job, jobs, taking, test } from "../../support/ledger.ts";

describe("a backlog that nobody serves", () => {
  test.for([undefined, "9"])(
    "holds no job that has ended or is delayed; node: %s",
    async (node, { bench, expect }) => {
      const key = node === undefined ? bench.keys.backlog : bench.keys.backlogOf(node);
      const at = node === undefined ? {} : { node };
      const dedupe = { key: "k", windowMs: 60_000, mode: "debounce" } as const;
      await bench.ledger.dispatch(jobs(50, "late", { ...at, deadline: { inMs: 100 } }));
      await bench.ledger.dispatch([job("cancelled", at), job("alive", at)]);
      await bench.ledger.cancel("default", "cancelled");
      await bench.ledger.resend("default", ["cancelled"]);
      await bench.ledger.cancel("default", "cancelled");
      for (let round = 0; round < 5; round++) {
        await bench.ledger.dispatch([job("bounced", { ...at, dedupe })]);
        await bench.ledger.dispatch([job(`again${round}`, { ...at, dedupe })]);
        bench.clock.advance(60_000);
        await bench.maintenance.runDue(["default"], 100);
      }
      bench.clock.advance(100);
      await bench.maintenance.runDue(["default"], 100);
      expect(await bench.redis.lrange(key, 0, -1)).toEqual(["alive", "bounced"]);
    },
  );
});

describe("a node that is told that jobs of its own wait", () => {
  test("uses a slot for them that it had given back", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("first")]);
    await bench.ledger.dispatch([job("own", { node: "1" })]);
    await ear.settled();
    const endings = ear.envelopes().map((each) => ended(each));
    await bench.nodes.finish("default", endings, taking("1"));
    expect((await bench.state()).free).toEqual(["1"]);
    const { next } = await bench.nodes.finish("default", [], {
      nodes: [{ node: "1", mode: "take", waiting: true }],
      wasBusy: false,
    });
    expect(next).toHaveLength(1);
    expect((await bench.state()).free).toEqual([]);
  });
});
