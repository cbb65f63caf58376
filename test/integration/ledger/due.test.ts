import { describe } from "vitest";
import type { JobSpec } from "../../../protocol/wire/job.ts";
import type { LedgerBench } from "../../support/ledger.ts";
import { ended, job, jobs, memberOf, passing, taking, test, timing } from "../../support/ledger.ts";

async function runDueNow(bench: LedgerBench, limit = 100) {
  const [ran] = await bench.maintenance.runDue(["default"], limit, 100);
  if (ran === undefined) throw new Error("expected an answer");
  const { placed, expired, nextInMs } = ran.value;
  return { placed, expired, nextInMs };
}

/** Runs one job on node 1; answers its envelope. */
async function running(bench: LedgerBench, more: Partial<JobSpec> = {}) {
  const { ear, epoch } = await bench.connect("1", 1);
  await bench.ledger.dispatch([job("a", more)]);
  await ear.settled();
  const [envelope] = ear.envelopes();
  if (envelope === undefined) throw new Error("expected a delivery");
  return { ear, epoch, envelope };
}

describe("a delayed job", () => {
  test("starts when it is due and not before", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    const [answer] = await bench.ledger.dispatch([job("a", { start: { inMs: 500 } })]);
    expect(answer).toMatchObject({ state: "delayed", delivered: false });
    bench.clock.advance(499);
    expect(await runDueNow(bench)).toEqual({ placed: 0, expired: 0, nextInMs: 1 });
    bench.clock.advance(1);
    expect(await runDueNow(bench)).toEqual({ placed: 1, expired: 0, nextInMs: null });
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["a"]);
    expect(await runDueNow(bench)).toEqual({ placed: 0, expired: 0, nextInMs: null });
  });

  test("is announced to all subscribers", async ({ bench, expect }) => {
    const control = await bench.listenToControl();
    const atMs = bench.clock.now() + 700;
    await bench.ledger.dispatch([
      job("a", { start: { inMs: 900 } }),
      job("b", { start: { atMs } }),
    ]);
    await control.settled();
    const said = control.heard.map((text) => JSON.parse(text) as unknown);
    expect(said).toEqual([{ v: 1, queue: "default", dueInMs: 700 }]);
  });

  test("whose time has passed starts immediately", async ({ bench, expect }) => {
    const [answer] = await bench.ledger.dispatch([job("a", { start: { atMs: 5 } })]);
    expect(answer).toMatchObject({ state: "queued" });
  });

  test("is handled up to the limit, and the rest is still due", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(5, "j", { start: { inMs: 10 } }));
    bench.clock.advance(10);
    expect(await runDueNow(bench, 2)).toEqual({ placed: 2, expired: 0, nextInMs: 0 });
    expect(await runDueNow(bench)).toEqual({ placed: 3, expired: 0, nextInMs: null });
    expect((await bench.state()).backlog).toHaveLength(5);
  });
});

describe("a job with a deadline", () => {
  test("ends as expired if it still waits at its deadline", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    await bench.ledger.dispatch([job("a", { deadline: { inMs: 100 } }), job("b")]);
    bench.clock.advance(100);
    expect(await runDueNow(bench)).toEqual({ placed: 0, expired: 1, nextInMs: null });
    await results.settled();
    expect((await bench.ledger.read("default", "a"))?.state).toBe("expired");
    expect(results.heard[0]).toContain('"code":"expired"');
    const { ear } = await bench.connect("1", 2);
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["b"]);
  });

  test("is not started after its deadline, even before a check has ended it", async ({
    bench,
    expect,
  }) => {
    await bench.ledger.dispatch([job("a", { deadline: { inMs: 100 } })]);
    bench.clock.advance(100);
    const { ear } = await bench.connect("1", 1);
    await ear.settled();
    expect(ear.envelopes()).toEqual([]);
    expect(await runDueNow(bench)).toMatchObject({ expired: 1 });
    expect((await bench.ledger.read("default", "a"))?.state).toBe("expired");
  });

  test("is left alone once it has started", async ({ bench, expect }) => {
    const { envelope } = await running(bench, { deadline: { inMs: 100 } });
    bench.clock.advance(100);
    expect(await runDueNow(bench)).toMatchObject({ expired: 0 });
    const { verdicts } = await bench.nodes.finish("default", [ended(envelope)], taking("1"));
    expect(verdicts).toEqual(["stored"]);
  });

  test("that is delayed beyond it expires", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a", { start: { inMs: 200 }, deadline: { inMs: 100 } })]);
    bench.clock.advance(200);
    expect(await runDueNow(bench)).toEqual({ placed: 0, expired: 1, nextInMs: null });
  });
});

describe("a retry", () => {
  const retry = {
    state: "retry" as const,
    delayMs: 300,
    text: '{"code":"x","message":"m","retryable":true}',
  };

  test("waits for its delay, keeps the error and frees the slot", async ({ bench, expect }) => {
    const { ear, envelope } = await running(bench);
    const ending = { ...ended(envelope), ...retry };
    const finished = await bench.nodes.finish("default", [ending], taking("1"));
    expect(finished).toMatchObject({ verdicts: ["stored"], entry: null });
    expect((await bench.state()).free).toEqual(["1"]);
    const waiting = await bench.ledger.read("default", "a");
    expect(waiting).toMatchObject({ state: "delayed", attemptsUsed: 1 });
    expect(waiting?.errors).toMatchObject([{ attempt: 1, node: "1", error: { code: "x" } }]);
    bench.clock.advance(300);
    expect(await runDueNow(bench)).toMatchObject({ placed: 1 });
    await ear.settled();
    expect(ear.envelopes().map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test("that is repeated after a lost answer counts once", async ({ bench, expect }) => {
    const { envelope } = await running(bench);
    const ending = { ...ended(envelope), ...retry };
    await bench.nodes.finish("default", [ending], taking("1"));
    const before = await bench.state();
    const again = await bench.nodes.finish("default", [ending], taking("1"));
    expect(again.verdicts).toEqual(["repeated"]);
    expect(await bench.state()).toEqual(before);
  });

  test("does not expire: the deadline is for jobs that were never started", async ({
    bench,
    expect,
  }) => {
    const { envelope } = await running(bench, { deadline: { inMs: 100 } });
    await bench.nodes.finish("default", [{ ...ended(envelope), ...retry }], taking("1"));
    bench.clock.advance(300);
    expect(await runDueNow(bench)).toEqual({ placed: 1, expired: 0, nextInMs: null });
  });
});

describe("cancel", () => {
  test("ends a job that waits, which never runs", async ({ bench, expect }) => {
    const results = await bench.listenToResults();
    await bench.ledger.dispatch([
      job("a"),
      job("own", { node: "1" }),
      job("d", { start: { inMs: 9 } }),
    ]);
    for (const id of ["a", "own", "d"]) {
      expect(await bench.ledger.cancel("default", id)).toEqual({ kind: "cancelled" });
      expect(await bench.ledger.cancel("default", id)).toEqual({
        kind: "ended",
        state: "cancelled",
      });
    }
    bench.clock.advance(9);
    expect(await runDueNow(bench)).toEqual({ placed: 0, expired: 0, nextInMs: null });
    const { ear } = await bench.connect("1", 5);
    await Promise.all([ear.settled(), results.settled()]);
    expect(ear.envelopes()).toEqual([]);
    expect(results.heard).toHaveLength(3);
  });

  test("asks the node of a running job to stop it, and keeps its outcome", async ({
    bench,
    expect,
  }) => {
    const control = await bench.listenToControl();
    const { envelope } = await running(bench);
    expect(await bench.ledger.cancel("default", "a")).toEqual({ kind: "stopping" });
    await control.settled();
    expect(JSON.parse(control.heard.at(-1) ?? "")).toMatchObject({ cancel: memberOf(envelope) });
    expect((await bench.ledger.read("default", "a"))?.state).toBe("running");
    await bench.nodes.finish("default", [ended(envelope, "cancelled")], taking("1"));
    expect((await bench.ledger.read("default", "a"))?.state).toBe("cancelled");
  });

  test.for(["released", "retry"] as const)(
    "keeps a job from running again: %s",
    async (state, { bench, expect }) => {
      const { envelope } = await running(bench);
      await bench.ledger.cancel("default", "a");
      const ending = { ...ended(envelope), state, text: state === "retry" ? "{}" : "", delayMs: 1 };
      await bench.nodes.finish("default", [ending], taking("1"));
      expect((await bench.ledger.read("default", "a"))?.state).toBe("cancelled");
      expect((await bench.state()).free).toEqual(["1"]);
    },
  );

  test("ends a job whose node has died since", async ({ bench, expect }) => {
    const { ear } = await running(bench);
    await bench.ledger.cancel("default", "a");
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    const [recovered] = await bench.maintenance.recover(["default"], 10);
    expect(recovered?.value).toMatchObject({ again: 0, ended: 1 });
    expect((await bench.ledger.read("default", "a"))?.state).toBe("cancelled");
  });

  test("tells an unknown job from one that has ended", async ({ bench, expect }) => {
    expect(await bench.ledger.cancel("default", "none")).toEqual({ kind: "unknown" });
    const { envelope } = await running(bench);
    await bench.nodes.finish("default", [ended(envelope)], taking("1"));
    const late = await bench.ledger.cancel("default", "a");
    expect(late).toEqual({ kind: "ended", state: "succeeded" });
  });
});

describe("resend and delete", () => {
  async function fail(bench: LedgerBench) {
    const { ear, epoch, envelope } = await running(bench, { attempts: 1, payload: [1] });
    await bench.nodes.finish("default", [ended(envelope, "failed")], taking("1"));
    return { ear, epoch, envelope };
  }

  test("resend runs a failed job as if it were new", async ({ bench, expect }) => {
    const { ear, envelope } = await fail(bench);
    expect((await bench.ledger.failed("default", { offset: 0, limit: 9 })).jobs).toHaveLength(1);
    bench.clock.advance(1);
    expect(await bench.ledger.resend("default", ["a", "none"])).toEqual(["resent", "unknown"]);
    expect(await bench.ledger.resend("default", ["a"])).toEqual(["alive"]);
    await ear.settled();
    const again = ear.envelopes().at(-1);
    expect(again).toMatchObject({ id: "a", attempt: 1, payload: [1] });
    expect(again?.token).not.toBe(envelope.token);
    expect((await bench.ledger.failed("default", { offset: 0, limit: 9 })).jobs).toEqual([]);
    const late = await bench.nodes.finish("default", [ended(envelope)], passing());
    expect(late.verdicts).toEqual(["fenced"]);
  });

  test("resend of an id named twice runs it once", async ({ bench, expect }) => {
    await fail(bench);
    await bench.connect("2", 1);
    bench.clock.advance(1);
    await bench.ledger.resend("default", ["a", "a"]);
    expect((await bench.state()).leases).toHaveLength(1);
  });

  test("resend leaves the job in the list once", async ({ bench, expect }) => {
    await fail(bench);
    bench.clock.advance(1);
    await bench.ledger.resend("default", ["a"]);
    const from = () => ({ entry: "+", place: 0 });
    const filter = { limit: 10, state: "-", name: "-" };
    const [page] = await bench.ledger.list(["default"], from, filter);
    expect(page?.value.jobs.map(({ id }) => id)).toEqual(["a"]);
  });

  test("delete removes jobs that have ended and no others", async ({ bench, expect }) => {
    await fail(bench);
    await bench.ledger.dispatch([job("alive")]);
    expect(await bench.ledger.delete("default", ["a", "alive", "none"])).toEqual([
      "deleted",
      "alive",
      "unknown",
    ]);
    expect(await bench.ledger.read("default", "a")).toBeNull();
    expect(await bench.ledger.delete("default", ["a"])).toEqual(["unknown"]);
    expect((await bench.ledger.read("default", "alive"))?.state).toBe("running");
  });
});

describe("deduplication by key", () => {
  const dedupe = (mode: "reject" | "return" | "replace" | "debounce") => ({
    dedupe: { key: "k", windowMs: 1_000, mode },
  });

  test("rejects or answers with the holder while the window lasts", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a", dedupe("reject"))]);
    const [rejected] = await bench.ledger.dispatch([job("b", dedupe("reject"))]);
    const [returned] = await bench.ledger.dispatch([job("c", dedupe("return"))]);
    expect(rejected).toEqual({ kind: "rejected", id: "b", queue: "default", holder: "a" });
    expect(returned).toMatchObject({ id: "a", duplicate: true, deduplicated: "returned" });
    expect(Object.keys((await bench.state()).jobs)).toEqual(["a"]);
  });

  test("replaces a holder that waits, and not one that runs", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a", { ...dedupe("replace"), payload: 1 })]);
    const [replaced] = await bench.ledger.dispatch([
      job("b", { ...dedupe("replace"), payload: 2 }),
    ]);
    expect(replaced).toMatchObject({ id: "a", deduplicated: "replaced" });
    const { ear } = await bench.connect("1", 5);
    await ear.settled();
    expect(ear.envelopes().map(({ id, payload }) => [id, payload])).toEqual([["a", 2]]);
    const [fresh] = await bench.ledger.dispatch([job("c", { ...dedupe("replace"), payload: 3 })]);
    expect(fresh).toMatchObject({ id: "c", duplicate: false });
  });

  test("debounces: the last content runs once the window is quiet", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a", { ...dedupe("debounce"), payload: 1 })]);
    bench.clock.advance(600);
    await bench.ledger.dispatch([job("b", { ...dedupe("debounce"), payload: 2 })]);
    bench.clock.advance(600);
    expect(await runDueNow(bench)).toMatchObject({ placed: 0 });
    bench.clock.advance(400);
    expect(await runDueNow(bench)).toMatchObject({ placed: 1 });
    const { ear } = await bench.connect("1", 1);
    await ear.settled();
    expect(ear.envelopes().map(({ id, payload }) => [id, payload])).toEqual([["a", 2]]);
  });

  test("within one batch makes one job", async ({ bench, expect }) => {
    const specs = ["a", "b", "c"].map((id) => job(id, { ...dedupe("return"), payload: id }));
    const answers = await bench.ledger.dispatch(specs);
    expect(answers.map((each) => each.id)).toEqual(["a", "a", "a"]);
    expect(Object.keys((await bench.state()).jobs)).toEqual(["a"]);
  });
});
