import { describe } from "vitest";
import { decodeDispatch, decodeResults } from "../../../protocol/wire/messages.ts";
import { joinAs, job, jobs, memberOf, test, timing } from "../../support/ledger.ts";
import { ended, taking, type Ear, type LedgerBench } from "../../support/ledger.ts";

async function running(bench: LedgerBench, slots: number, specs: Parameters<typeof job>[1][]) {
  const { ear, epoch } = await bench.connect("1", slots);
  await bench.ledger.dispatch(specs.map((more, at) => job(`j${at + 1}`, more)));
  await ear.settled();
  return { ear, epoch, members: ear.envelopes().map(memberOf) };
}

/** The node comes back after its leases have ended, as the `rejoin` message asks it to. */
async function rejoin(bench: LedgerBench, slots: number, epoch: string, ear: Ear) {
  await joinAs(bench.nodes, { name: "1", slots, epoch });
  await ear.settled();
  return ear.envelopes().slice(-1);
}

async function expireNow(bench: LedgerBench, limit = 100) {
  const [looked] = await bench.maintenance.recover(["default"], limit);
  if (looked === undefined) throw new Error("expected an answer");
  return looked.value;
}

describe("renew", () => {
  test("extends what is held and tells what is lost", async ({ bench, expect }) => {
    const { members } = await running(bench, 2, [{}, {}]);
    const asked = ["no such 1", members[0] ?? "", "other gone 1", members[1] ?? ""];
    expect(await bench.nodes.renew("default", asked)).toEqual([0, 2]);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await expireNow(bench)).toMatchObject({ again: 0, nextInMs: 2_001 });
    expect((await bench.state()).leases).toHaveLength(2);
  });

  test("marks an attempt as one that was heard of", async ({ bench, expect }) => {
    const { ear, epoch, members } = await running(bench, 1, [{}]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    await expireNow(bench);
    await rejoin(bench, 1, epoch, ear);
    expect(ear.envelopes().map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test("of 1,000 leases is one call", async ({ bench, expect }) => {
    const specs = Array.from({ length: 1_000 }, () => ({}));
    const { members } = await running(bench, 1_000, specs);
    expect(await bench.nodes.renew("default", members)).toEqual([]);
  });
});

describe("expire", () => {
  test("does nothing before a lease has ended and says when to look", async ({ bench, expect }) => {
    expect(await expireNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: null });
    await running(bench, 1, [{}]);
    bench.clock.advance(timing.unacknowledgedMs - 400);
    const before = await bench.state();
    expect(await expireNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: 400 });
    expect(await bench.state()).toEqual(before);
  });

  test("gives an unheard attempt out again without counting it", async ({ bench, expect }) => {
    const { ear, epoch } = await running(bench, 1, [{ attempts: 1 }]);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await expireNow(bench)).toEqual({ again: 1, ended: 0, nextInMs: null });
    expect((await bench.state()).backlog).toEqual(["j1"]);
    await rejoin(bench, 1, epoch, ear);
    const [one, two] = ear.envelopes();
    expect([one?.attempt, two?.attempt]).toEqual([1, 1]);
    expect(two?.token).not.toBe(one?.token);
  });

  test("takes the node out and asks it to join again", async ({ bench, expect }) => {
    const { ear } = await running(bench, 3, [{}]);
    bench.clock.advance(timing.unacknowledgedMs);
    await expireNow(bench);
    await ear.settled();
    const state = await bench.state();
    expect(state.nodes["1"]).toMatch(/^\d+ 3 0 /);
    expect(state.free).toEqual([]);
    const last = decodeDispatch(ear.heard.at(-1) ?? "");
    expect(last).toEqual({ kind: "rejoin", queue: "default" });
  });

  test("fails a job whose heard attempts are used up", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    const { ear, members } = await running(bench, 1, [{ attempts: 1, payload: [1] }]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    expect(await expireNow(bench)).toEqual({ again: 0, ended: 1, nextInMs: null });
    await results.settled();
    const stored = await bench.ledger.read("default", "j1");
    expect(stored).toMatchObject({ state: "failed", ended: { state: "failed", recorded: false } });
    expect(results.heard).toEqual([stored?.ended?.text]);
    expect(decodeResults(results.heard[0] ?? "")).toEqual({
      kind: "results",
      results: [
        {
          ...{ v: 1, id: "j1", name: "echo", queue: "default", node: "1", attempt: 1 },
          ...{ token: ear.envelopes()[0]?.token, state: "failed" },
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

  test("fails after three heard attempts unless told otherwise", async ({ bench, expect }) => {
    const { ear, epoch } = await running(bench, 1, [{}]);
    const looks = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      await bench.nodes.renew("default", (await rejoin(bench, 1, epoch, ear)).map(memberOf));
      bench.clock.advance(timing.leaseMs + 1);
      looks.push((await expireNow(bench)).ended);
    }
    expect(looks).toEqual([0, 0, 1]);
    const stored = await bench.ledger.read("default", "j1");
    expect(stored?.errors.map(({ attempt }) => attempt)).toEqual([3, 2, 1]);
    expect(ear.envelopes().map(({ attempt }) => attempt)).toContain(3);
  });

  test("fails several at once in one message", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    const { members } = await running(bench, 3, [{ attempts: 1 }, { attempts: 1 }, {}]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    expect(await expireNow(bench)).toMatchObject({ again: 1, ended: 2 });
    await results.settled();
    const message = decodeResults(results.heard[0] ?? "");
    expect(results.heard).toHaveLength(1);
    expect(message.kind === "results" && message.results.map(({ id }) => id)).toEqual([
      ...["j1", "j2"],
    ]);
  });

  test("gives up after ten deliveries of which nobody was heard", async ({ bench, expect }) => {
    const { ear, epoch } = await running(bench, 1, [{}]);
    const tokens = new Set<string | undefined>();
    for (let looks = 0, endings = 0; endings === 0; looks++) {
      tokens.add((await rejoin(bench, 1, epoch, ear))[0]?.token);
      bench.clock.advance(timing.unacknowledgedMs);
      ({ ended: endings } = await expireNow(bench));
      if (looks > 30) throw new Error("expected the job to be given up");
    }
    expect(tokens.size).toBe(10);
    const stored = await bench.ledger.read("default", "j1");
    expect(stored?.state).toBe("failed");
    expect(stored?.ended?.text).toContain('"code":"undeliverable"');
  });

  test("gives the job to another node", async ({ bench, expect }) => {
    await bench.connect("2", 1);
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("own", { node: "2" }), job("a")]);
    await ear.settled();
    const { ear: three } = await bench.connect("3", 1);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await expireNow(bench)).toMatchObject({ again: 2 });
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
    await expireNow(bench);
    const state = await bench.state();
    expect(state.free).toEqual([]);
    expect(state.backlog.toSorted()).toEqual(["b", "j1"]);
  });

  test("takes a dead node out and lets its jobs wait at the front", async ({ bench, expect }) => {
    const { ear } = await running(bench, 1, [{}]);
    await bench.ledger.dispatch([job("later")]);
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    await expireNow(bench);
    expect((await bench.state()).backlog).toEqual(["j1", "later"]);
    expect((await bench.state()).nodes["1"]).toMatch(/^\d+ 1 0 /);
  });

  test("lets what waits start when the node is back, after its own has failed", async ({
    bench,
    expect,
  }) => {
    const { ear, epoch, members } = await running(bench, 1, [{ attempts: 1 }]);
    await bench.ledger.dispatch([job("next")]);
    await bench.nodes.renew("default", members);
    bench.clock.advance(timing.leaseMs + 1);
    expect(await expireNow(bench)).toEqual({ again: 0, ended: 1, nextInMs: null });
    expect((await rejoin(bench, 1, epoch, ear)).map(({ id }) => id)).toEqual(["next"]);
  });

  test("handles no more than its limit and says that more are due", async ({ bench, expect }) => {
    await running(bench, 5, [{}, {}, {}, {}, {}]);
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await expireNow(bench, 2)).toEqual({ again: 2, ended: 0, nextInMs: 0 });
    expect(await expireNow(bench, 10)).toEqual({ again: 3, ended: 0, nextInMs: null });
  });

  test("may be repeated", async ({ bench, expect }) => {
    await running(bench, 2, [{}, {}]);
    bench.clock.advance(timing.unacknowledgedMs);
    await expireNow(bench);
    const before = await bench.state();
    expect(await expireNow(bench)).toMatchObject({ again: 0, ended: 0 });
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
    expect(await expireNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: null });
  });

  test("waits the foreign length for a foreign node", async ({ bench, expect }) => {
    const ear = await bench.listen("7");
    await bench.ledger.dispatch([job("a", { node: "7" })]);
    const rest = timing.foreignMs - timing.unacknowledgedMs;
    for (let round = 1; round <= 2; round++) {
      bench.clock.advance(timing.unacknowledgedMs);
      expect((await expireNow(bench)).nextInMs).toBe(rest);
      bench.clock.advance(rest);
      expect(await expireNow(bench)).toMatchObject({ again: 1, nextInMs: timing.unacknowledgedMs });
    }
    await ear.settled();
    expect(ear.heard).toEqual(["a", "a", "a"]);
  });

  test("loses no job of a node that lost slots and has named jobs", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch(jobs(4, "own", { node: "1" }));
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    await expireNow(bench);
    expect((await bench.state()).named.get("1")?.toSorted()).toEqual([
      ...["own1", "own2", "own3", "own4"],
    ]);
  });
});

describe("unpark", () => {
  test("sends a foreign node what waited, once it listens", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(3, "own", { node: "7" }));
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 3 },
    ]);
    const ear = await bench.listen("7");
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 0 },
    ]);
    await ear.settled();
    expect(ear.heard).toEqual(["own1", "own2", "own3"]);
    expect((await bench.state()).parked).toEqual([]);
  });

  test("tells a busy node again, whose hint was lost", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a"), job("own", { node: "1" })]);
    await ear.settled();
    const before = ear.heard.length;
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 0 },
    ]);
    await bench.ledger.dispatch([job("more", { node: "1" })]);
    await bench.maintenance.retryParked(["default"], 10);
    await ear.settled();
    expect(ear.heard.slice(before).filter((text) => text.includes('"waiting":true'))).toHaveLength(
      2,
    );
  });

  test("uses a slot that came free meanwhile", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a", { node: "1" })]);
    await bench.ledger.dispatch([job("own", { node: "1" })]);
    await ear.settled();
    await bench.nodes.finish(
      "default",
      ear.envelopes().map((each) => ended(each)),
      taking("1"),
    );
    expect((await bench.state()).free).toEqual(["1"]);
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 0 },
    ]);
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["a", "own"]);
  });

  test("takes at most its limit of each node and keeps the order", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(5, "own", { node: "7" }));
    const ear = await bench.listen("7");
    expect(await bench.maintenance.retryParked(["default"], 2)).toEqual([
      { queue: "default", value: 3 },
    ]);
    await ear.settled();
    expect(ear.heard).toEqual(["own1", "own2"]);
    expect((await bench.state()).named.get("7")).toEqual(["own3", "own4", "own5"]);
  });

  test("leaves alone what waits for a node that is gone", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await ear.close();
    await bench.ledger.dispatch(jobs(2, "own", { node: "1" }));
    const before = await bench.state();
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 2 },
    ]);
    expect(await bench.state()).toEqual(before);
  });
});
