import { describe } from "vitest";
import { decodeResults, type Envelope } from "../../../protocol/wire/messages.ts";
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

/** Dispatches `count` jobs to node 1 with `slots` slots; answers what was delivered. */
async function running(bench: LedgerBench, slots: number, count: number) {
  const { ear, epoch } = await bench.connect("1", slots);
  await bench.ledger.dispatch(jobs(count));
  await ear.settled();
  return { ear, epoch, envelopes: ear.envelopes() };
}

function first(envelopes: readonly Envelope[]): Envelope {
  const [envelope] = envelopes;
  if (envelope === undefined) throw new Error("expected a delivery");
  return envelope;
}

describe("finish of one attempt", () => {
  test("stores the outcome, frees the slot and fills the outbox", async ({ bench, expect }) => {
    const { envelopes } = await running(bench, 1, 1);
    const ending = ended(first(envelopes));
    const finished = await bench.nodes.finish("default", [ending], taking("1"));
    expect(finished).toMatchObject({ verdicts: ["stored"], next: [], waiting: [] });
    const stored = await bench.ledger.read("default", "j1");
    expect(stored).toMatchObject({
      state: "succeeded",
      ended: { text: ending.text, token: ending.token, node: "1", recorded: false },
    });
    expect(stored?.ended?.entry).toBe(finished.entry);
    const [outbox] = await bench.maintenance.undelivered(["default"], 0, 10);
    expect(outbox?.value).toEqual([{ entry: finished.entry, results: ending.text }]);
    expect((await bench.state()).free).toEqual(["1"]);
  });

  test("publishes the result", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    const { envelopes } = await running(bench, 1, 1);
    const ending = ended(first(envelopes));
    await bench.nodes.finish("default", [ending], taking("1"));
    await results.settled();
    expect(results.heard).toEqual([ending.text]);
  });

  test("changes nothing when it is repeated after a lost answer", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    const { envelopes } = await running(bench, 1, 1);
    const ending = ended(first(envelopes));
    await bench.nodes.finish("default", [ending], taking("1"));
    const before = await bench.state();
    const again = await bench.nodes.finish("default", [ending], taking("1"));
    await results.settled();
    expect(again).toEqual({ verdicts: ["repeated"], next: [], waiting: [], entry: null });
    expect(await bench.state()).toEqual(before);
    expect(results.heard).toHaveLength(1);
  });

  test("is refused with the token of an older attempt", async ({ bench, expect }) => {
    const { ear, epoch, envelopes } = await running(bench, 1, 1);
    const late = envelopes.map((each) => ended(each));
    bench.clock.advance(timing.unacknowledgedMs);
    await bench.maintenance.recover(["default"], 10);
    expect((await bench.nodes.finish("default", late, taking("1"))).verdicts).toEqual(["fenced"]);
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
    await ear.settled();
    expect((await bench.nodes.finish("default", late, taking("1"))).verdicts).toEqual(["fenced"]);
    const ending = ended(first(ear.envelopes().slice(1)), "succeeded", "second");
    await bench.nodes.finish("default", [ending], taking("1"));
    expect((await bench.nodes.finish("default", late, taking("1"))).verdicts).toEqual(["fenced"]);
    expect((await bench.ledger.read("default", "j1"))?.ended?.text).toBe(ending.text);
  });

  test("is refused under the name of another node", async ({ bench, expect }) => {
    const { envelopes } = await running(bench, 1, 1);
    const ending = { ...ended(first(envelopes)), node: "2" };
    const finished = await bench.nodes.finish("default", [ending], taking("2"));
    expect(finished.verdicts).toEqual(["fenced"]);
    expect((await bench.ledger.read("default", "j1"))?.state).toBe("running");
  });

  test("gives a released job to a free node, with all its attempts", async ({ bench, expect }) => {
    const { epoch, envelopes } = await running(bench, 1, 1);
    const { ear: other } = await bench.connect("2", 1);
    await bench.nodes.leave("default", { node: "1", epoch }, "gone");
    const finished = await bench.nodes.finish(
      "default",
      [ended(first(envelopes), "released")],
      passing("1"),
    );
    await other.settled();
    expect(finished).toMatchObject({ verdicts: ["stored"], entry: null });
    expect(other.envelopes().map(({ id, attempt }) => [id, attempt])).toEqual([["j1", 1]]);
  });

  test("lets a released job wait at the front if no node is free", async ({ bench, expect }) => {
    const { epoch, envelopes } = await running(bench, 1, 3);
    await bench.nodes.leave("default", { node: "1", epoch }, "gone");
    await bench.nodes.finish("default", [ended(first(envelopes), "released")], passing("1"));
    expect((await bench.state()).backlog).toEqual(["j1", "j2", "j3"]);
  });
});

describe("finish of a batch", () => {
  test("judges each attempt by itself", async ({ bench, expect }) => {
    const { ear, envelopes } = await running(bench, 4, 4);
    const [a, b, c, d] = envelopes.map((each) => ended(each));
    if (!a || !b || !c || !d) throw new Error("expected four deliveries");
    await bench.nodes.finish("default", [a], taking("1"));
    const old = { ...b, token: `${b.token}9` };
    const batch = [a, old, b, { ...c, state: "released" as const, text: "" }, d];
    const finished = await bench.nodes.finish("default", batch, taking("1"));
    await ear.settled();
    expect(finished.verdicts).toEqual(["repeated", "fenced", "stored", "stored", "stored"]);
    expect((await bench.ledger.read("default", "j3"))?.state).toBe("running");
    expect(ear.envelopes().at(-1)).toMatchObject({ id: "j3", attempt: 1 });
  });

  test("publishes and keeps all results as one array", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    const { envelopes } = await running(bench, 3, 3);
    const endings = envelopes.map((each) => ended(each));
    await bench.nodes.finish("default", endings, taking("1"));
    await results.settled();
    expect(results.heard).toHaveLength(1);
    const message = decodeResults(results.heard[0] ?? "");
    expect(message.kind === "results" && message.results.map(({ id }) => id)).toEqual([
      "j1",
      "j2",
      "j3",
    ]);
    const [outbox] = await bench.maintenance.undelivered(["default"], 0, 10);
    expect(outbox?.value).toHaveLength(1);
  });

  test("stores an attempt once that is in it twice", async ({ bench, expect }) => {
    const { envelopes } = await running(bench, 2, 2);
    const [a, b] = envelopes.map((each) => ended(each));
    if (!a || !b) throw new Error("expected two deliveries");
    const finished = await bench.nodes.finish("default", [a, a, b], taking("1"));
    expect(finished.verdicts[0]).toBe("stored");
    expect(finished.verdicts[1]).not.toBe("stored");
    expect((await bench.state()).free).toEqual(["1", "1"]);
  });

  test("of 1,000 attempts frees every slot", async ({ bench, expect }) => {
    const { envelopes } = await running(bench, 1_000, 1_000);
    const endings = envelopes.map((each) => ended(each));
    const finished = await bench.nodes.finish("default", endings, taking("1"));
    const again = await bench.nodes.finish("default", endings, taking("1"));
    expect(new Set(finished.verdicts)).toEqual(new Set(["stored"]));
    expect(new Set(again.verdicts)).toEqual(new Set(["repeated"]));
    expect((await bench.state()).free).toHaveLength(1_000);
  });

  test("stores one of two results for the same attempt", async ({ bench, expect }) => {
    const { envelopes } = await running(bench, 1, 1);
    const [one, two] = ["one", "two"].map((text) => ended(first(envelopes), "succeeded", text));
    if (!one || !two) throw new Error("expected two endings");
    const both = await Promise.all([
      bench.nodes.finish("default", [one], taking("1")),
      bench.nodes.finish("default", [two], taking("1")),
    ]);
    expect(both.map(({ verdicts }) => verdicts[0])).toEqual(["stored", "fenced"]);
    expect((await bench.ledger.read("default", "j1"))?.ended?.text).toBe(one.text);
  });

  test("stores one of two attempts of different nodes", async ({ bench, expect }) => {
    const { ear, envelopes } = await running(bench, 1, 1);
    await ear.close();
    const { ear: other } = await bench.connect("2", 1);
    bench.clock.advance(timing.unacknowledgedMs);
    await bench.maintenance.recover(["default"], 10);
    await other.settled();
    const endings = [first(envelopes), first(other.envelopes())].map((each) => ended(each));
    const both = await Promise.all(
      endings.map((each) => bench.nodes.finish("default", [each], taking(each.node))),
    );
    expect(both.map(({ verdicts }) => verdicts[0])).toEqual(["fenced", "stored"]);
  });
});

describe("finish fetches the next jobs", () => {
  test.for([true, false])(
    "as many as slots were freed (wasBusy: %s)",
    async (wasBusy, { bench, expect }) => {
      const { envelopes } = await running(bench, 3, 8);
      const endings = envelopes.slice(0, 2).map((each) => ended(each));
      const finished = await bench.nodes.finish("default", endings, { ...taking("1"), wasBusy });
      const next = finished.next.map((text) => JSON.parse(text) as Envelope);
      expect(next.map(({ id, node, attempt }) => [id, node, attempt])).toEqual([
        ["j4", "1", 1],
        ["j5", "1", 1],
      ]);
      expect((await bench.state()).backlog).toEqual(["j6", "j7", "j8"]);
      expect(await bench.nodes.renew("default", next.map(memberOf))).toEqual([]);
    },
  );

  test.for([true, false])(
    "and gives back what finds no job (wasBusy: %s)",
    async (wasBusy, { bench, expect }) => {
      const { envelopes } = await running(bench, 3, 4);
      const endings = envelopes.map((each) => ended(each));
      const finished = await bench.nodes.finish("default", endings, { ...taking("1"), wasBusy });
      expect(finished.next).toHaveLength(1);
      expect((await bench.state()).free).toEqual(["1", "1"]);
    },
  );

  test("for several nodes, each within its own slots", async ({ bench, expect }) => {
    const { ear: one } = await bench.connect("1", 1);
    const { ear: two } = await bench.connect("2", 2);
    await bench.ledger.dispatch(jobs(10));
    await Promise.all([one.settled(), two.settled()]);
    const endings = [...one.envelopes(), ...two.envelopes()].map((each) => ended(each));
    const finished = await bench.nodes.finish("default", endings, taking("1", "2"));
    const next = finished.next.map((text) => (JSON.parse(text) as Envelope).node);
    expect(next.toSorted()).toEqual(["1", "2", "2"]);
  });

  test("of a node's own backlog first, and says if more wait", async ({ bench, expect }) => {
    const { envelopes } = await running(bench, 1, 2);
    await bench.ledger.dispatch(jobs(2, "own", { node: "1" }));
    const use = { nodes: [{ node: "1", mode: "take" as const, waiting: true }], wasBusy: true };
    const finished = await bench.nodes.finish("default", [ended(first(envelopes))], use);
    expect(finished.next.map((text) => (JSON.parse(text) as Envelope).id)).toEqual(["own1"]);
    expect(finished.waiting).toEqual(["1"]);
    const own = JSON.parse(finished.next[0] ?? "{}") as Envelope satisfies Envelope;
    const last = await bench.nodes.finish("default", [ended(own)], use);
    expect(last.waiting).toEqual([]);
    expect((await bench.state()).parked).toEqual([]);
  });

  test("without an attempt to end, for a node that was told that jobs wait", async ({
    bench,
    expect,
  }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a"), job("own", { node: "1" })]);
    await ear.settled();
    // Jobs for one node come first: "own" runs and "a" waits. The end of "own" fetches "a".
    await bench.nodes.finish(
      "default",
      ear.envelopes().map((each) => ended(each)),
      taking("1"),
    );
    await bench.ledger.dispatch([job("later", { node: "1" })]);
    const use = { nodes: [{ node: "1", mode: "take" as const, waiting: true }], wasBusy: false };
    const finished = await bench.nodes.finish("default", [], use);
    expect(finished).toMatchObject({ verdicts: [], next: [], waiting: ["1"], entry: null });
  });

  test("by message if a superseded node passes its slots on", async ({ bench, expect }) => {
    const { ear, envelopes } = await running(bench, 2, 5);
    await bench.nodes.finish(
      "default",
      envelopes.map((each) => ended(each)),
      passing("1"),
    );
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["j1", "j2", "j3", "j4"]);
    expect((await bench.state()).backlog).toEqual(["j5"]);
  });

  test("not for a node that has left", async ({ bench, expect }) => {
    const { epoch, envelopes } = await running(bench, 2, 3);
    await bench.nodes.leave("default", { node: "1", epoch }, "gone");
    const finished = await bench.nodes.finish(
      "default",
      envelopes.map((e) => ended(e)),
      passing("1"),
    );
    expect(finished).toMatchObject({ verdicts: ["stored", "stored"], next: [] });
    const state = await bench.state();
    expect(state.free).toEqual([]);
    expect(state.backlog).toEqual(["j3"]);
  });
});

describe("leave", () => {
  test("takes the node and its slots out, and nothing else", async ({ bench, expect }) => {
    const { epoch, envelopes } = await running(bench, 3, 1);
    await bench.connect("2", 1);
    await bench.nodes.leave("default", { node: "1", epoch }, "gone");
    const state = await bench.state();
    expect(Object.keys(state.nodes)).toEqual(["2"]);
    expect(state.free).toEqual(["2"]);
    expect(state.leases).toEqual(envelopes.map(memberOf));
  });

  test("does nothing once another has joined under the name", async ({ bench, expect }) => {
    const { epoch } = await bench.connect("1", 1);
    await bench.connect("1", 2);
    const before = await bench.state();
    await bench.nodes.leave("default", { node: "1", epoch }, "gone");
    expect(await bench.state()).toEqual(before);
  });

  test("may be repeated", async ({ bench, expect }) => {
    const { epoch } = await bench.connect("1", 1);
    await bench.nodes.leave("default", { node: "1", epoch }, "gone");
    await bench.nodes.leave("default", { node: "1", epoch }, "gone");
    expect((await bench.state()).nodes).toEqual({});
  });
});
