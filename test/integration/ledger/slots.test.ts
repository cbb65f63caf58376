/** A node never has more free slots and leases than slots, whatever it was leased while it was gone. */
import { describe } from "vitest";
import type { LedgerBench } from "../../support/ledger.ts";
import {
  ended,
  job,
  jobs,
  joinAs,
  memberOf,
  passing,
  taking,
  test,
  timing,
} from "../../support/ledger.ts";

/** Free slots, leases and waiting jobs of a node. */
async function slotsOf(bench: LedgerBench, node: string) {
  const state = await bench.state();
  return {
    free: state.free.filter((name) => name === node).length,
    leased: state.leases.filter((member) => member.endsWith(` ${node}`)).length,
    waiting: state.named.get(node)?.length ?? 0,
  };
}

/** Node 1 leaves while something else listens on its channel, which is sent ten jobs. */
async function leaveBesideListener(bench: LedgerBench) {
  const { ear, epoch } = await bench.connect("1", 2);
  const listener = await bench.listen("1");
  await bench.nodes.leave("default", { node: "1", epoch }, "gone");
  await ear.close();
  for (const each of jobs(10, "own", { node: "1", payload: 1 })) {
    await bench.ledger.dispatch([each]);
    bench.clock.advance(1);
  }
  return { epoch, listener };
}

describe("a node that was taken for a foreign one while it was gone", () => {
  test.for(["first", "same"] as const)(
    "gets no more jobs than slots when it returns, and ends with two free: %s process",
    async (process, { bench, expect }) => {
      const { epoch } = await leaveBesideListener(bench);
      expect(await slotsOf(bench, "1")).toMatchObject({ leased: 10 });
      const ear = await bench.listen("1");
      const own = process === "first" ? {} : { epoch };
      await joinAs(bench.nodes, { name: "1", slots: 2, ...own });
      expect(await slotsOf(bench, "1")).toEqual({ free: 0, leased: 2, waiting: 8 });
      await ear.settled();
      expect(ear.envelopes().map(({ id }) => id)).toEqual(["own1", "own2"]);
      let running = ear.envelopes();
      const order: string[] = [];
      while (running.length > 0) {
        order.push(...running.map(({ id }) => id));
        const use = {
          nodes: [{ node: "1", mode: "take", waiting: true }],
          wasBusy: false,
        } as const;
        const { next } = await bench.nodes.finish(
          "default",
          running.map((each) => ended(each)),
          use,
        );
        running = next.map((text) => JSON.parse(text) as (typeof running)[number]);
        expect((await slotsOf(bench, "1")).leased).toBeLessThanOrEqual(2);
      }
      expect(order).toEqual(jobs(10, "own").map(({ id }) => id));
      expect(await slotsOf(bench, "1")).toEqual({ free: 2, leased: 0, waiting: 0 });
    },
  );

  test("that returns alone has its jobs placed again, as far as slots go", async ({
    bench,
    expect,
  }) => {
    const { listener } = await leaveBesideListener(bench);
    await listener.close();
    await bench.connect("1", 3);
    expect(await slotsOf(bench, "1")).toEqual({ free: 0, leased: 3, waiting: 7 });
  });

  test("leaves jobs for any node to nodes with free slots", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 4);
    await bench.ledger.dispatch(jobs(4));
    await ear.settled();
    await bench.connect("2", 2);
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
    expect(await slotsOf(bench, "1")).toMatchObject({ free: 0, leased: 1 });
    expect(await slotsOf(bench, "2")).toMatchObject({ free: 0, leased: 2 });
    expect((await bench.state()).backlog).toEqual(["j4"]);
  });

  test("does not run what was cancelled meanwhile", async ({ bench, expect }) => {
    const { epoch } = await leaveBesideListener(bench);
    await bench.ledger.cancel("default", "own9");
    await joinAs(bench.nodes, { name: "1", slots: 2, epoch });
    expect((await bench.ledger.read("default", "own9"))?.state).toBe("cancelled");
    expect(await slotsOf(bench, "1")).toEqual({ free: 0, leased: 2, waiting: 7 });
  });

  test("frees no slot by what the listener reports", async ({ bench, expect }) => {
    const { listener } = await leaveBesideListener(bench);
    await listener.settled();
    const sent = listener.envelopes();
    await bench.listen("1");
    await joinAs(bench.nodes, { name: "1", slots: 2 });
    const echoes = sent.map((each) => ended(each));
    await bench.nodes.finish("default", echoes, { nodes: [], wasBusy: false });
    expect(await slotsOf(bench, "1")).toEqual({ free: 2, leased: 0, waiting: 8 });
    await bench.maintenance.retryParked(["default"], 10);
    expect(await slotsOf(bench, "1")).toEqual({ free: 0, leased: 2, waiting: 6 });
  });
});

describe("a node that joins again with fewer slots than attempts it runs", () => {
  /** Node 1 runs eight jobs with ten slots, and joins again with two. */
  async function shrink(bench: LedgerBench) {
    const { ear, epoch } = await bench.connect("1", 10);
    await bench.ledger.dispatch(jobs(8));
    await ear.settled();
    const running = ear.envelopes();
    await joinAs(bench.nodes, { name: "1", slots: 2, epoch, running: running.map(memberOf) });
    await bench.ledger.dispatch(jobs(3, "later"));
    return { running, epoch };
  }

  const ways = [
    ["one by one", 1, false, "succeeded"],
    ["one by one, while busy", 1, true, "succeeded"],
    ["one by one, failing", 1, false, "failed"],
    ["in pairs", 2, false, "succeeded"],
    ["in threes, while busy", 3, true, "succeeded"],
  ] as const;
  test.for(ways)(
    "takes none until it runs fewer than it has slots: %s",
    async ([, size, wasBusy, state], { bench, expect }) => {
      const { running } = await shrink(bench);
      expect(await slotsOf(bench, "1")).toMatchObject({ free: 0, leased: 8 });
      const use = { nodes: [{ node: "1", mode: "take", waiting: false }], wasBusy } as const;
      for (let from = 0; from < 8; from += size) {
        const some = running.slice(from, from + size);
        const before = 8 - from;
        await bench.nodes.finish(
          "default",
          some.map((each) => ended(each, state)),
          use,
        );
        const { free, leased } = await slotsOf(bench, "1");
        const left = before - some.length;
        expect([free, leased]).toEqual([0, Math.max(left, 2)]);
        expect(await bench.problems()).toEqual([]);
      }
      expect((await bench.state()).backlog).toHaveLength(1);
    },
  );

  test("frees no slot by attempts that are given back or retried", async ({ bench, expect }) => {
    const { running } = await shrink(bench);
    const endings = running
      .slice(0, 6)
      .map((each, at) =>
        at % 2 === 0
          ? { ...ended(each), state: "released" as const, text: "" }
          : { ...ended(each), state: "retry" as const, text: "{}", delayMs: 500 },
      );
    await bench.nodes.finish("default", endings, taking("1"));
    expect(await slotsOf(bench, "1")).toMatchObject({ free: 0, leased: 2 });
  });

  test("is not fooled by an ending that is repeated", async ({ bench, expect }) => {
    const { running } = await shrink(bench);
    const [one] = running.map((each) => ended(each));
    if (one === undefined) throw new Error("expected eight deliveries");
    for (const verdict of ["stored", "repeated", "repeated"]) {
      const { verdicts } = await bench.nodes.finish("default", [one], taking("1"));
      expect(verdicts).toEqual([verdict]);
      expect(await slotsOf(bench, "1")).toMatchObject({ free: 0, leased: 7 });
    }
  });

  test("keeps nothing of it once its leases have ended", async ({ bench, expect }) => {
    await shrink(bench);
    bench.clock.advance(timing.unacknowledgedMs + 1);
    await bench.maintenance.recover(["default"], 100);
    const left = await bench.redis.zrange(bench.keys.leases, "0", "-1");
    expect(left.filter((member) => member !== "watch")).toEqual([]);
    const [recovered] = await bench.maintenance.recover(["default"], 100);
    expect(recovered?.value.nextInMs ?? 0).toBeLessThan(60_000);
  });

  test("has all its slots when it joins with more again", async ({ bench, expect }) => {
    const { running, epoch } = await shrink(bench);
    const members = running.map(memberOf);
    await joinAs(bench.nodes, { name: "1", slots: 12, epoch, running: members });
    expect(await slotsOf(bench, "1")).toMatchObject({ free: 1, leased: 11 });
    await bench.nodes.finish(
      "default",
      running.map((each) => ended(each)),
      taking("1"),
    );
    expect(await slotsOf(bench, "1")).toMatchObject({ free: 9, leased: 3 });
  });

  test("counts what a predecessor ends, which has been superseded", async ({ bench, expect }) => {
    const old = await bench.connect("1", 4);
    await bench.ledger.dispatch(jobs(4));
    await old.ear.settled();
    const running = old.ear.envelopes();
    await bench.nodes.renew("default", running.map(memberOf));
    await bench.connect("1", 2);
    await bench.ledger.dispatch([job("waits")]);
    for (const [at, each] of running.entries()) {
      await bench.nodes.finish("default", [ended(each)], at < 2 ? taking("1") : passing("1"));
      expect(await bench.problems()).toEqual([]);
    }
    expect(await slotsOf(bench, "1")).toMatchObject({ free: 1, leased: 1 });
  });
});
