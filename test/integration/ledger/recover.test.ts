import { describe } from "vitest";
import { decodeDispatch, decodeResults } from "../../../protocol/wire/messages.ts";
import { job, jobs, joinAs, memberOf, test, timing } from "../../support/ledger.ts";
import { type Ear, ended, type LedgerBench, taking } from "../../support/ledger.ts";

async function running(bench: LedgerBench, slots: number, specs: Parameters<typeof job>[1][]) {
  const { ear, epoch } = await bench.connect("1", slots);
  await bench.ledger.dispatch(specs.map((more, at) => job(`j${at + 1}`, more)));
  await ear.settled();
  return { ear, epoch, members: ear.envelopes().map(memberOf) };
}

/** Joins node 1 again after its leases have ended, as the `rejoin` message asks it to; answers the last delivery. */
async function rejoin(bench: LedgerBench, slots: number, epoch: string, ear: Ear) {
  await joinAs(bench.nodes, { name: "1", slots, epoch });
  await ear.settled();
  return ear.envelopes().slice(-1);
}

async function recoverNow(bench: LedgerBench, limit = 100) {
  const [recovered] = await bench.maintenance.recover(["default"], limit);
  if (recovered === undefined) throw new Error("expected an answer");
  return recovered.value;
}

describe("renew", () => {
  test("extends leases that are held and names those that are lost", async ({ bench, expect }) => {
    const { members } = await running(bench, 2, [{}, {}]);
    const asked = ["no such 1", members[0] ?? "", "other gone 1", members[1] ?? ""];
    expect(await bench.nodes.renew("default", asked)).toEqual([0, 2]);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await recoverNow(bench)).toMatchObject({ again: 0, nextInMs: 2_001 });
    expect((await bench.state()).leases).toHaveLength(2);
  });

  test("marks an attempt as started", async ({ bench, expect }) => {
    const { ear, epoch, members } = await running(bench, 1, [{}]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    await recoverNow(bench);
    await rejoin(bench, 1, epoch, ear);
    expect(ear.envelopes().map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test("of 1,000 leases is one call", async ({ bench, expect }) => {
    const specs = Array.from({ length: 1_000 }, () => ({}));
    const { members } = await running(bench, 1_000, specs);
    expect(await bench.nodes.renew("default", members)).toEqual([]);
  });
});

describe("recover", () => {
  test("does nothing before a lease has ended, and says when to check again", async ({
    bench,
    expect,
  }) => {
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: null });
    await running(bench, 1, [{}]);
    bench.clock.advance(timing.unacknowledgedMs - 400);
    const before = await bench.state();
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: 400 });
    expect(await bench.state()).toEqual(before);
  });

  test("places an unacknowledged job again without counting the attempt", async ({
    bench,
    expect,
  }) => {
    const { ear, epoch } = await running(bench, 1, [{ attempts: 1 }]);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await recoverNow(bench)).toEqual({ again: 1, ended: 0, nextInMs: null });
    expect((await bench.state()).backlog).toEqual(["j1"]);
    await rejoin(bench, 1, epoch, ear);
    const [one, two] = ear.envelopes();
    expect([one?.attempt, two?.attempt]).toEqual([1, 1]);
    expect(two?.token).not.toBe(one?.token);
  });

  test("takes the node out of service and asks it to join again", async ({ bench, expect }) => {
    const { ear } = await running(bench, 3, [{}]);
    bench.clock.advance(timing.unacknowledgedMs);
    await recoverNow(bench);
    await ear.settled();
    const state = await bench.state();
    expect(state.nodes["1"]).toMatch(/^\d+ 3 0 /);
    expect(state.free).toEqual([]);
    const last = decodeDispatch(ear.heard.at(-1) ?? "");
    expect(last).toEqual({ kind: "rejoin", queue: "default" });
  });

  test("fails a job whose started attempts are used up", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    const { ear, members } = await running(bench, 1, [{ attempts: 1, payload: [1] }]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 1, nextInMs: null });
    await results.settled();
    const stored = await bench.ledger.read("default", "j1");
    expect(stored).toMatchObject({ state: "failed", ended: { state: "failed", recorded: false } });
    expect(results.heard).toEqual([stored?.ended?.text]);
    expect(decodeResults(results.heard[0] ?? "")).toEqual({
      kind: "results",
      results: [
        {
          v: 1,
          id: "j1",
          name: "echo",
          queue: "default",
          node: "1",
          attempt: 1,
          token: ear.envelopes()[0]?.token,
          state: "failed",
          error: {
            code: "attempt_lost",
            message: expect.stringContaining("died or was cut off") as string,
            retryable: true,
          },
        },
      ],
    });
    const [outbox] = await bench.maintenance.undelivered(["default"], 0, 10);
    expect(outbox?.value.map(({ results: text }) => text)).toEqual(results.heard);
  });

  test("fails a job after three started attempts by default", async ({ bench, expect }) => {
    const { ear, epoch } = await running(bench, 1, [{}]);
    const endedCounts = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      await bench.nodes.renew("default", (await rejoin(bench, 1, epoch, ear)).map(memberOf));
      bench.clock.advance(timing.leaseMs + 1);
      endedCounts.push((await recoverNow(bench)).ended);
    }
    expect(endedCounts).toEqual([0, 0, 1]);
    const stored = await bench.ledger.read("default", "j1");
    expect(stored?.errors.map(({ attempt }) => attempt)).toEqual([3, 2, 1]);
    expect(ear.envelopes().map(({ attempt }) => attempt)).toContain(3);
  });

  test("fails several jobs in one message", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    const { members } = await running(bench, 3, [{ attempts: 1 }, { attempts: 1 }, {}]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    expect(await recoverNow(bench)).toMatchObject({ again: 1, ended: 2 });
    await results.settled();
    const message = decodeResults(results.heard[0] ?? "");
    expect(results.heard).toHaveLength(1);
    expect(message.kind === "results" && message.results.map(({ id }) => id)).toEqual(["j1", "j2"]);
  });

  test("gives up after ten unacknowledged deliveries", async ({ bench, expect }) => {
    const { ear, epoch } = await running(bench, 1, [{}]);
    const tokens = new Set<string | undefined>();
    for (let rounds = 0, endings = 0; endings === 0; rounds++) {
      tokens.add((await rejoin(bench, 1, epoch, ear))[0]?.token);
      bench.clock.advance(timing.unacknowledgedMs);
      ({ ended: endings } = await recoverNow(bench));
      if (rounds > 30) throw new Error("expected the job to be given up");
    }
    expect(tokens.size).toBe(10);
    const stored = await bench.ledger.read("default", "j1");
    expect(stored?.state).toBe("failed");
    expect(stored?.ended?.text).toContain('"code":"undeliverable"');
  });

  test("sends the job to another node", async ({ bench, expect }) => {
    await bench.connect("2", 1);
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("own", { node: "2" }), job("a")]);
    await ear.settled();
    const { ear: three } = await bench.connect("3", 1);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await recoverNow(bench)).toMatchObject({ again: 2 });
    await three.settled();
    expect(three.envelopes().map(({ id }) => id)).toEqual(["a"]);
    const state = await bench.state();
    expect(state.free).toEqual([]);
    expect(state.named.get("2")).toEqual(["own"]);
  });

  test("does not give the slot back to a node found gone", async ({ bench, expect }) => {
    const { ear } = await running(bench, 2, [{}]);
    await ear.close();
    await bench.ledger.dispatch([job("b")]);
    bench.clock.advance(timing.unacknowledgedMs);
    await recoverNow(bench);
    const state = await bench.state();
    expect(state.free).toEqual([]);
    expect(state.backlog.toSorted()).toEqual(["b", "j1"]);
  });

  test("takes a dead node out of service and lets its jobs wait at the front", async ({
    bench,
    expect,
  }) => {
    const { ear } = await running(bench, 1, [{}]);
    await bench.ledger.dispatch([job("later")]);
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    await recoverNow(bench);
    expect((await bench.state()).backlog).toEqual(["j1", "later"]);
    expect((await bench.state()).nodes["1"]).toMatch(/^\d+ 1 0 /);
  });

  test("lets a waiting job start when the node is back, after its attempt has failed", async ({
    bench,
    expect,
  }) => {
    const { ear, epoch, members } = await running(bench, 1, [{ attempts: 1 }]);
    await bench.ledger.dispatch([job("next")]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 1, nextInMs: null });
    expect((await rejoin(bench, 1, epoch, ear)).map(({ id }) => id)).toEqual(["next"]);
  });

  test("handles no more leases than its limit, and says that more are due", async ({
    bench,
    expect,
  }) => {
    await running(bench, 5, [{}, {}, {}, {}, {}]);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await recoverNow(bench, 2)).toEqual({ again: 2, ended: 0, nextInMs: 0 });
    expect(await recoverNow(bench, 10)).toEqual({ again: 3, ended: 0, nextInMs: null });
  });

  test("may be repeated", async ({ bench, expect }) => {
    await running(bench, 2, [{}, {}]);
    bench.clock.advance(timing.unacknowledgedMs);
    await recoverNow(bench);
    const before = await bench.state();
    expect(await recoverNow(bench)).toMatchObject({ again: 0, ended: 0 });
    expect(await bench.state()).toEqual(before);
  });

  test("does not touch an attempt that was ended in time", async ({ bench, expect }) => {
    const { ear } = await running(bench, 1, [{}]);
    await bench.nodes.finish(
      "default",
      ear.envelopes().map((each) => ended(each)),
      taking("1"),
    );
    bench.clock.advance(timing.leaseMs * 10);
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: null });
  });

  test("waits for a foreign node as long as its own lease lasts", async ({ bench, expect }) => {
    const ear = await bench.listen("7");
    await bench.ledger.dispatch([job("a", { node: "7" })]);
    const rest = timing.foreignMs - timing.unacknowledgedMs;
    for (let round = 1; round <= 2; round++) {
      bench.clock.advance(timing.unacknowledgedMs);
      expect((await recoverNow(bench)).nextInMs).toBe(rest);
      bench.clock.advance(rest);
      expect(await recoverNow(bench)).toMatchObject({
        again: 1,
        nextInMs: timing.unacknowledgedMs,
      });
    }
    await ear.settled();
    expect(ear.heard).toEqual(["a", "a", "a"]);
  });

  test("loses no job of a node that has gone with jobs of its own waiting", async ({
    bench,
    expect,
  }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch(jobs(4, "own", { node: "1" }));
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    await recoverNow(bench);
    expect((await bench.state()).named.get("1")?.toSorted()).toEqual([
      "own1",
      "own2",
      "own3",
      "own4",
    ]);
  });
});
