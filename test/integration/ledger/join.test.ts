import { describe } from "vitest";
import { decodeDispatch } from "../../../protocol/wire/messages.ts";
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

describe("a node's first join", () => {
  test("registers it and offers all its slots", async ({ bench, expect }) => {
    const { epoch } = await bench.connect("1", 3);
    const state = await bench.state();
    expect(state.free).toEqual(["1", "1", "1"]);
    expect(state.nodes["1"]).toBe(`${epoch} 3 1 {}`);
  });

  test("announces its epoch on the node's channel", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 1);
    await ear.settled();
    const [message = ""] = ear.heard;
    expect(decodeDispatch(message)).toEqual({ kind: "joined", queue: "default", epoch });
  });

  test("drains the backlog as far as its slots go", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(5));
    const { ear } = await bench.connect("1", 3);
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["j1", "j2", "j3"]);
    expect((await bench.state()).backlog).toEqual(["j4", "j5"]);
  });

  test("takes the jobs that only it may run before all others", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("any"), job("own", { node: "1" })]);
    const { ear } = await bench.connect("1", 1);
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["own"]);
    expect((await bench.state()).parked).toEqual([]);
  });

  test("leaves what exceeds its slots in its own backlog, and is parked", async ({
    bench,
    expect,
  }) => {
    await bench.ledger.dispatch(jobs(3, "own", { node: "1" }));
    const { ear } = await bench.connect("1", 1);
    await ear.settled();
    const state = await bench.state();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["own1"]);
    expect(state.named.get("1")).toEqual(["own2", "own3"]);
    expect(state.parked).toEqual(["1"]);
  });
});

describe("a node that joins again with its epoch", () => {
  test("is sent once more what it never received, with the same token", async ({
    bench,
    expect,
  }) => {
    const { ear, epoch } = await bench.connect("1", 2);
    await bench.ledger.dispatch(jobs(2));
    await ear.settled();
    const [first, second] = ear.envelopes();
    if (first === undefined || second === undefined) throw new Error("expected two deliveries");
    await joinAs(bench.nodes, { name: "1", slots: 2, epoch, running: [memberOf(first)] });
    await ear.settled();
    expect(ear.envelopes().slice(2)).toEqual([second]);
  });

  test("is not sent what a live predecessor has acknowledged", async ({ bench, expect }) => {
    const old = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a")]);
    await old.ear.settled();
    await bench.nodes.renew("default", old.ear.envelopes().map(memberOf));
    const { ear, epoch } = await bench.connect("1", 1);
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
    await ear.settled();
    expect(ear.envelopes()).toEqual([]);
    expect((await bench.state()).leases).toHaveLength(1);
  });

  test("is told again to stop a job that it never received", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 1);
    const control = await bench.listenToControl();
    await bench.ledger.dispatch([job("a")]);
    await bench.ledger.cancel("default", "a");
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
    for (const each of [ear, control]) await each.settled();
    expect(ear.envelopes()).toHaveLength(2);
    const cancels = control.heard.filter((text) => text.includes('"cancel"'));
    expect(cancels).toHaveLength(2);
    expect(cancels[0]).toBe(cancels[1]);
  });

  test("learns whether anybody listens on its channel", async ({ bench, expect }) => {
    const node = { queue: "default", name: "1", epoch: null, slots: 1, info: "{}", running: [] };
    expect(await bench.nodes.join(node)).toMatchObject({ isHeard: false });
    await bench.listen("1");
    expect(await bench.nodes.join(node)).toMatchObject({ isHeard: true });
  });

  test("keeps its epoch", async ({ bench, expect }) => {
    const { epoch } = await bench.connect("1", 2);
    bench.clock.advance(5_000);
    expect(await joinAs(bench.nodes, { name: "1", slots: 2, epoch })).toBe(epoch);
  });

  test("gives a job that it missed a new lease", async ({ bench, expect }) => {
    const { epoch } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a")]);
    bench.clock.advance(timing.unacknowledgedMs - 1);
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
    bench.clock.advance(timing.unacknowledgedMs - 1);
    const [recovered] = await bench.maintenance.recover(["default"], 10);
    expect(recovered?.value).toEqual({ again: 0, ended: 0, nextInMs: 1 });
  });

  test("is told the positions of the attempts that it has lost", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 3);
    await bench.ledger.dispatch(jobs(3));
    await ear.settled();
    const envelopes = ear.envelopes();
    const endings = envelopes.slice(0, 2).map((each) => ended(each));
    await bench.nodes.finish("default", endings, taking("1"));
    const joined = await bench.nodes.join({
      queue: "default",
      name: "1",
      epoch,
      slots: 3,
      info: "{}",
      running: envelopes.map(memberOf),
    });
    expect(joined.kind === "joined" && joined.lost.toSorted()).toEqual([0, 1]);
  });

  test("is superseded once another has joined under its name", async ({ bench, expect }) => {
    const { epoch } = await bench.connect("1", 1);
    await joinAs(bench.nodes, { name: "1", slots: 1 });
    const before = await bench.state();
    const again = { queue: "default", name: "1", epoch, slots: 1, info: "{}", running: [] };
    expect(await bench.nodes.join(again)).toEqual({ kind: "superseded" });
    expect(await bench.state()).toEqual(before);
  });

  test("is given jobs again after it was found gone", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 2);
    await ear.close();
    await bench.ledger.dispatch([job("a")]);
    expect((await bench.state()).free).toEqual([]);
    const back = await bench.listen("1");
    await joinAs(bench.nodes, { name: "1", slots: 2, epoch });
    await back.settled();
    expect(back.envelopes().map(({ id }) => id)).toEqual(["a"]);
    expect((await bench.state()).free).toEqual(["1"]);
  });

  test("is told that jobs of its own wait if it is busy", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a")]);
    await bench.ledger.dispatch([job("own", { node: "1" })]);
    await ear.settled();
    const [running] = ear.envelopes();
    if (running === undefined) throw new Error("expected a delivery");
    const before = ear.heard.length;
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch, running: [memberOf(running)] });
    await ear.settled();
    const kinds = ear.heard.slice(before).map((text) => decodeDispatch(text).kind);
    expect(kinds).toEqual(["joined", "waiting"]);
  });
});

describe("a new incarnation", () => {
  test("gets a later epoch, even within one millisecond", async ({ bench, expect }) => {
    const { epoch } = await bench.connect("1", 1);
    const next = await joinAs(bench.nodes, { name: "1", slots: 1 });
    expect(Number(next)).toBe(Number(epoch) + 1);
  });

  test("is given the jobs of its dead predecessor with new tokens", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch(jobs(2));
    await ear.settled();
    await ear.close();
    const { ear: next } = await bench.connect("1", 2);
    await next.settled();
    expect(next.envelopes().map(({ id }) => id)).toEqual(["j1", "j2"]);
    expect(next.envelopes().map(({ token }) => token)).not.toEqual(
      ear.envelopes().map(({ token }) => token),
    );
  });

  test("leaves what runs with a predecessor that still listens", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("a")]);
    await ear.settled();
    const { ear: next } = await bench.connect("1", 2);
    await next.settled();
    expect(next.envelopes()).toEqual([]);
    expect((await bench.state()).free).toEqual(["1"]);
  });

  test("gets the slots that its predecessor passes on", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch(jobs(2));
    await ear.settled();
    const { ear: next } = await bench.connect("1", 1);
    const endings = ear.envelopes().map((each) => ended(each));
    await bench.nodes.finish("default", endings, passing("1"));
    await next.settled();
    expect(next.envelopes().map(({ id }) => id)).toEqual(["j2"]);
  });

  test("with fewer slots is not given more jobs than it has slots", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 3);
    await bench.ledger.dispatch(jobs(3));
    await ear.settled();
    await bench.connect("1", 1);
    const endings = ear.envelopes().map((each) => ended(each));
    await bench.nodes.finish("default", endings, passing("1"));
    expect((await bench.state()).free).toEqual(["1"]);
  });

  test("with fewer slots loses no job of its dead predecessor", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 3);
    await bench.ledger.dispatch(jobs(3, "own", { node: "1" }));
    await ear.settled();
    await ear.close();
    await bench.connect("1", 2);
    const state = await bench.state();
    expect(state.leases.map((member) => member.split(" ")[0])).toEqual(["own1", "own2"]);
    expect(state.named.get("1")).toEqual(["own3"]);
  });

  test("keeps its slots when its draining predecessor ends its attempts", async ({
    bench,
    expect,
  }) => {
    for (const step of ["draining", "gone"] as const) {
      const { ear, epoch } = await bench.connect("1", 2);
      await bench.ledger.dispatch([job(step, { node: "1" })]);
      await ear.settled();
      await bench.nodes.leave("default", { node: "1", epoch }, step);
      await bench.connect("1", 2);
      const endings = ear.envelopes().map((each) => ended(each));
      await bench.nodes.finish("default", endings, passing("1"));
      expect((await bench.state()).free).toEqual(["1", "1"]);
    }
  });

  test("leaves what a draining predecessor runs, even if that listens no more", async ({
    bench,
    expect,
  }) => {
    const { ear, epoch } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("a")]);
    await ear.settled();
    await bench.nodes.leave("default", { node: "1", epoch }, "draining");
    await ear.close();
    const { ear: next } = await bench.connect("1", 2);
    await next.settled();
    expect(next.envelopes()).toEqual([]);
    expect((await bench.state()).free).toEqual(["1"]);
  });

  test("uses up an attempt of a job that its predecessor acknowledged", async ({
    bench,
    expect,
  }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch(jobs(2));
    await ear.settled();
    await bench.nodes.renew("default", ear.envelopes().slice(0, 1).map(memberOf));
    await ear.close();
    const { ear: next } = await bench.connect("1", 2);
    await next.settled();
    const attempts = next.envelopes().map(({ id, attempt }) => [id, attempt]);
    expect(Object.fromEntries(attempts)).toEqual({ j1: 2, j2: 1 });
  });

  test("is not given a job again that has used up its attempts", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("poison", { attempts: 2 })]);
    for (let life = 0; life < 2; life++) {
      bench.clock.advance(1);
      const { ear } = await bench.connect("1", 1);
      await ear.settled();
      const [envelope] = ear.envelopes();
      if (envelope === undefined) throw new Error(`expected a delivery in life ${life}`);
      await bench.nodes.renew("default", [memberOf(envelope)]);
      await ear.close();
    }
    const { ear } = await bench.connect("1", 1);
    await ear.settled();
    expect(ear.envelopes()).toEqual([]);
    expect((await bench.ledger.read("default", "poison"))?.state).toBe("failed");
  });
});
