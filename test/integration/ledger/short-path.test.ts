/** The short paths of the scripts `dispatch` and `finish` leave the ledger as the general paths do. */
import { describe } from "vitest";
import type { JobSpec } from "../../../protocol/wire/job.ts";
import type { Envelope } from "../../../protocol/wire/messages.ts";
import { ended, job, type LedgerBench, test, timing } from "../../support/ledger.ts";

/** Occupies the only slot with the job `first`; the other jobs wait. */
async function busy(bench: LedgerBench, waiting: readonly JobSpec[]): Promise<Envelope> {
  const { ear } = await bench.connect("1", 1);
  await bench.ledger.dispatch([job("first")]);
  for (const spec of waiting) await bench.ledger.dispatch([spec]);
  await ear.settled();
  const [envelope] = ear.envelopes();
  if (envelope === undefined) throw new Error("expected a delivery");
  return envelope;
}

async function finish(bench: LedgerBench, envelope: Envelope, wasBusy: boolean) {
  const nodes = [{ node: "1", mode: "take", waiting: false } as const];
  const finished = await bench.nodes.finish("default", [ended(envelope)], { nodes, wasBusy });
  const next = finished.next.map((text) => JSON.parse(text) as Envelope);
  return { ...finished, next };
}

describe.each([
  ["a node that was busy", true],
  ["a node that was idle", false],
])("one attempt that succeeds on %s", (_, wasBusy) => {
  test("fetches the job that has waited longest, as any delivery", async ({ bench, expect }) => {
    const payload = { text: 'a "quoted"\n line', list: [], big: 12345678901234567890 };
    const envelope = await busy(bench, [job("second", { payload }), job("third")]);
    const { next, verdicts } = await finish(bench, envelope, wasBusy);
    expect(verdicts).toEqual(["stored"]);
    const stored = await bench.ledger.read("default", "second");
    const token = `${stored?.accepted ?? ""}.1`;
    expect(next).toEqual([
      { v: 1, queue: "default", node: "1", token, attempt: 1, id: "second", name: "echo", payload },
    ]);
    expect(stored).toMatchObject({ state: "running", node: "1", deliveries: 1 });
    const state = await bench.state();
    expect(state).toMatchObject({ free: [], backlog: ["third"], leases: [`second ${token} 1`] });
  });

  test("frees the slot if nothing waits", async ({ bench, expect }) => {
    const envelope = await busy(bench, []);
    expect((await finish(bench, envelope, wasBusy)).next).toEqual([]);
    expect(await bench.state()).toMatchObject({ free: ["1"], leases: [], backlog: [] });
  });

  test("skips jobs that were cancelled or are too late", async ({ bench, expect }) => {
    const withDeadline = { deadline: { inMs: 10 } };
    const envelope = await busy(bench, [
      job("gone"),
      job("late", withDeadline),
      job("good"),
      job("z"),
    ]);
    await bench.ledger.cancel("default", "gone");
    bench.clock.advance(10);
    const { next, verdicts } = await finish(bench, envelope, wasBusy);
    expect([verdicts, next.map(({ id }) => id)]).toEqual([["stored"], ["good"]]);
    expect((await bench.state()).backlog).toEqual(["z"]);
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "late"))?.state).toBe("expired");
  });

  test("frees the slot if all waiting jobs were cancelled", async ({ bench, expect }) => {
    const envelope = await busy(bench, [job("a"), job("b")]);
    for (const id of ["a", "b"]) await bench.ledger.cancel("default", id);
    expect((await finish(bench, envelope, wasBusy)).next).toEqual([]);
    expect(await bench.state()).toMatchObject({ free: ["1"], leases: [], backlog: [] });
  });

  test("fetches a job whose deadline has not passed", async ({ bench, expect }) => {
    const envelope = await busy(bench, [job("mortal", { deadline: { inMs: 1_000 } })]);
    expect((await finish(bench, envelope, wasBusy)).next.map(({ id }) => id)).toEqual(["mortal"]);
    bench.clock.advance(1_000);
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "mortal"))?.state).toBe("running");
  });

  test("fetches a job that was given back under a new token", async ({ bench, expect }) => {
    const envelope = await busy(bench, [job("back")]);
    const { next } = await finish(bench, envelope, wasBusy);
    const [delivery] = next;
    if (delivery === undefined) throw new Error("expected a delivery");
    await bench.ledger.dispatch([job("between")]);
    const nodes = [{ node: "1", mode: "take", waiting: false } as const];
    const released = [ended(delivery, "released")];
    const taken = await bench.nodes.finish("default", released, { nodes, wasBusy });
    const [between] = taken.next.map((text) => JSON.parse(text) as Envelope);
    const last = between ?? delivery;
    const more = last.id === "between" ? await finish(bench, last, wasBusy) : { next: [last] };
    expect(more.next.map(({ id, attempt }) => [id, attempt])).toEqual([["back", 1]]);
    expect(more.next[0]?.token).not.toBe(delivery.token);
  });

  test("does nothing a second time, and counts the slot once", async ({ bench, expect }) => {
    const envelope = await busy(bench, []);
    await finish(bench, envelope, wasBusy);
    const again = await finish(bench, envelope, wasBusy);
    expect(again).toMatchObject({ verdicts: ["repeated"], next: [], entry: null });
    expect((await bench.state()).free).toEqual(["1"]);
  });

  test("is refused once its lease has ended", async ({ bench, expect }) => {
    const envelope = await busy(bench, []);
    bench.clock.advance(timing.unacknowledgedMs);
    await bench.maintenance.recover(["default"], 10);
    expect(await finish(bench, envelope, wasBusy)).toMatchObject({
      verdicts: ["fenced"],
      entry: null,
    });
  });
});

describe("one plain job", () => {
  test("is accepted once, and takes no slot when it is repeated", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    for (let time = 0; time < 2; time++) await bench.ledger.dispatch([job("one")]);
    await ear.settled();
    expect(ear.envelopes()).toHaveLength(1);
    expect(await bench.state()).toMatchObject({ free: ["1"], indexed: ["one"] });
  });

  test("goes to the next node, listed once, if the first does not listen", async ({
    bench,
    expect,
  }) => {
    const silent = await bench.connect("1", 2);
    const { ear } = await bench.connect("2", 1);
    await silent.ear.close();
    const [answer] = await bench.ledger.dispatch([job("one")]);
    expect(answer).toMatchObject({ node: "2", state: "running", delivered: true });
    await ear.settled();
    expect(ear.envelopes().map(({ token }) => token.split(".")[1])).toEqual(["1"]);
    const state = await bench.state();
    expect(state).toMatchObject({ free: [], indexed: ["one"] });
    expect(state.nodes["1"]).toMatch(/^\S+ 2 0 /);
  });
});

describe("a batch of plain jobs", () => {
  const ids = ["a", "b", "c", "d", "e", "f"];
  const payload = { list: [], big: 12345678901234567890 };
  const batch = ids.map((id) => job(id, { payload, attempts: 5 }));

  test("is stored, sent and listed as each job alone would be", async ({ bench, expect }) => {
    const { ear: first } = await bench.connect("1", 2);
    const { ear: second } = await bench.connect("2", 1);
    const answers = await bench.ledger.dispatch(batch);
    await first.settled();
    await second.settled();
    const places = answers.map((each) => each.kind === "accepted" && [each.state, each.node]);
    expect(places).toEqual([
      ["running", "1"],
      ["running", "1"],
      ["running", "2"],
      ["queued", null],
      ["queued", null],
      ["queued", null],
    ]);
    const accepted = `${bench.clock.now()}-0`;
    const token = `${accepted}.1`;
    const envelope = {
      v: 1,
      queue: "default",
      token,
      attempt: 1,
      name: "echo",
      attempts: 5,
      payload,
    };
    expect(first.envelopes()).toEqual([
      { ...envelope, id: "a", node: "1" },
      { ...envelope, id: "b", node: "1" },
    ]);
    expect(second.envelopes()).toEqual([{ ...envelope, id: "c", node: "2" }]);
    expect(await bench.state()).toMatchObject({
      free: [],
      backlog: ["d", "e", "f"],
      indexed: ids,
      leases: [`a ${token} 1`, `b ${token} 1`, `c ${token} 2`],
    });
    const running = await bench.ledger.read("default", "b");
    expect(running).toMatchObject({ state: "running", node: "1", deliveries: 1, accepted });
    const waiting = await bench.ledger.read("default", "e");
    expect(waiting).toMatchObject({ state: "queued", node: null, deliveries: 0, accepted });
    expect(waiting?.body).toBe(running?.body);
  });

  test("changes nothing a second time", async ({ bench, expect }) => {
    await bench.connect("1", 2);
    await bench.ledger.dispatch(batch);
    const before = await bench.state();
    const answers = await bench.ledger.dispatch(batch);
    expect(answers.every((each) => each.kind === "accepted" && each.duplicate)).toBe(true);
    expect(await bench.state()).toEqual(before);
  });

  test("contains each id once", async ({ bench, expect }) => {
    const answers = await bench.ledger.dispatch([...batch, job("a", { payload, attempts: 5 })]);
    expect(answers.at(-1)).toMatchObject({ kind: "accepted", id: "a", duplicate: true });
    expect((await bench.state()).backlog).toEqual(ids);
  });

  test("goes to the nodes that listen, in order, if one does not", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    const silent = await bench.connect("2", 2);
    const { ear: third } = await bench.connect("3", 2);
    await silent.ear.close();
    const answers = await bench.ledger.dispatch(batch);
    await ear.settled();
    await third.settled();
    const at = (node: string) =>
      answers.flatMap((each) => (each.kind === "accepted" && each.node === node ? each.id : []));
    const heard = (of: typeof ear) => of.envelopes().map(({ id }) => id);
    expect([heard(ear), heard(third)]).toEqual([at("1"), at("3")]);
    expect([at("1").length, at("2").length, at("3").length]).toEqual([1, 0, 2]);
    const state = await bench.state();
    expect(state).toMatchObject({ free: [], indexed: ids });
    expect(state.backlog).toEqual(
      ids.filter((id) => ![...heard(ear), ...heard(third)].includes(id)),
    );
    expect(state.leases).toHaveLength(3);
    expect(state.nodes["2"]).toMatch(/^\S+ 2 0 /);
  });
});

describe.each([
  ["a node that was busy", true],
  ["a node that was idle", false],
])("several attempts that end in one call on %s", (_, wasBusy) => {
  const nodes = [{ node: "1", mode: "take", waiting: false } as const];

  async function end(bench: LedgerBench, envelopes: readonly Envelope[], state?: "released") {
    const endings = envelopes.map((each) => ended(each, state));
    const { next } = await bench.nodes.finish("default", endings, { nodes, wasBusy });
    return next.map((text) => JSON.parse(text) as Envelope);
  }

  async function busyTwice(bench: LedgerBench): Promise<readonly Envelope[]> {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("one"), job("two")]);
    await ear.settled();
    return ear.envelopes();
  }

  test("fetch jobs that still wait, and skip the rest", async ({ bench, expect }) => {
    const envelopes = await busyTwice(bench);
    const withDeadline = (ms: number) => ({ deadline: { inMs: ms } });
    const waiting = [
      job("gone"),
      job("late", withDeadline(10)),
      job("good"),
      job("timely", withDeadline(99)),
    ];
    await bench.ledger.dispatch([...waiting, job("z")]);
    await bench.ledger.cancel("default", "gone");
    bench.clock.advance(10);
    const next = await end(bench, envelopes);
    expect(next.map(({ id, attempt }) => [id, attempt])).toEqual([
      ["good", 1],
      ["timely", 1],
    ]);
    const state = await bench.state();
    expect(state).toMatchObject({ free: [], backlog: ["z"] });
    expect(state.leases).toEqual(next.map(({ id, token }) => `${id} ${token} 1`).toSorted());
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "late"))?.state).toBe("expired");
  });

  test("fetch a job under a new token each time, however often it was given back", async ({
    bench,
    expect,
  }) => {
    const tokens = new Set<string>();
    let running = await busyTwice(bench);
    await bench.ledger.dispatch([job("three"), job("four")]);
    for (let time = 1; time <= 10; time++) {
      running = await end(bench, running, "released");
      const ids = time % 2 === 1 ? ["three", "four"] : ["one", "two"];
      expect(running.map(({ id, attempt }) => [id, attempt])).toEqual(ids.map((id) => [id, 1]));
      for (const { id, token } of running) tokens.add(`${id} ${token}`);
    }
    expect(tokens.size).toBe(20);
    expect(await bench.ledger.read("default", "one")).toMatchObject({
      deliveries: 6,
      attemptsUsed: 0,
    });
  });
});

describe("a fetch without an attempt to end", () => {
  test("does not fetch a job that is too late", async ({ bench, expect }) => {
    const envelope = await busy(bench, []);
    await bench.ledger.dispatch([job("late", { node: "1", deadline: { inMs: 10 } })]);
    await bench.nodes.finish("default", [ended(envelope)], { nodes: [], wasBusy: false });
    bench.clock.advance(10);
    const nodes = [{ node: "1", mode: "take", waiting: true } as const];
    const finished = await bench.nodes.finish("default", [], { nodes, wasBusy: false });
    expect(finished.next).toEqual([]);
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "late"))?.state).toBe("expired");
  });
});
