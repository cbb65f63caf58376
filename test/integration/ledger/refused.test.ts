/** Jobs for a node whose process does not serve their queue. */
import { describe } from "vitest";
import { decodeDispatch } from "../../../protocol/wire/messages.ts";
import { type Ear, job, type LedgerBench, passing, test } from "../../support/ledger.ts";

/** A process listens as node s, which the queue does not know; it is sent a job as a foreign node. */
async function sent(bench: LedgerBench, more: Parameters<typeof job>[1] = {}) {
  const ear = await bench.listen("s");
  const spec = job("x", { node: "s", payload: 1, ...more });
  const [answer] = await bench.ledger.dispatch([spec]);
  await ear.settled();
  return { ear, answer, ending: refusalOf(ear) };
}

function refusalOf(ear: Ear) {
  const message = decodeDispatch(ear.heard.at(-1) ?? "");
  const envelope = message.kind === "jobs" ? message.envelopes[0] : undefined;
  if (envelope === undefined) throw new Error("expected a delivery");
  const { id, token, node } = envelope;
  return { id, token, node, state: "refused", text: "" } as const;
}

describe("a job that its node refuses", () => {
  test("waits for a process that serves its queue, with all its attempts", async ({
    bench,
    expect,
  }) => {
    const { ear, answer, ending } = await sent(bench, { attempts: 1 });
    expect(answer).toMatchObject({ state: "running", delivered: true });
    const finished = await bench.nodes.finish("default", [ending], passing());
    expect(finished).toMatchObject({ verdicts: ["stored"], entry: null });
    expect(await bench.state()).toMatchObject({ leases: [], parked: ["s"] });
    const [later] = await bench.ledger.dispatch([job("y", { node: "s" })]);
    expect(later).toMatchObject({ state: "queued", delivered: false });
    const before = ear.heard.length;
    await bench.maintenance.retryParked(["default"], 10);
    await ear.settled();
    expect(ear.heard).toHaveLength(before);

    await bench.connect("s", 2);
    await ear.settled();
    const ids = ear.envelopes().map(({ id, attempt }) => [id, attempt]);
    expect(ids.slice(1)).toEqual([
      ["x", 1],
      ["y", 1],
    ]);
  });

  test("is fetched by a process that has joined since", async ({ bench, expect }) => {
    const { ear, ending } = await sent(bench);
    await bench.connect("s", 1);
    await bench.nodes.finish("default", [ending], passing());
    await ear.settled();
    expect(decodeDispatch(ear.heard.at(-1) ?? "")).toEqual({ kind: "waiting", queue: "default" });
    const nodes = [{ node: "s", mode: "take", waiting: true } as const];
    const fetched = await bench.nodes.finish("default", [], { nodes, wasBusy: false });
    expect(fetched.next.map((text) => (JSON.parse(text) as { id: string }).id)).toEqual(["x"]);
    expect((await bench.state()).nodes["s"]).toMatch(/^[1-9]\d* 1 1 /);
  });

  test("still ends when its deadline passes", async ({ bench, expect }) => {
    const { ending } = await sent(bench, { deadline: { inMs: 50 } });
    await bench.nodes.finish("default", [ending], passing());
    bench.clock.advance(50);
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "x"))?.state).toBe("expired");
  });

  test("expires if its deadline has passed already", async ({ bench, expect }) => {
    const { ending } = await sent(bench, { deadline: { inMs: 50 } });
    bench.clock.advance(50);
    await bench.nodes.finish("default", [ending], passing());
    expect((await bench.ledger.read("default", "x"))?.state).toBe("expired");
  });

  test("is cancelled if that was requested since", async ({ bench, expect }) => {
    const { ending } = await sent(bench);
    await bench.ledger.cancel("default", "x");
    await bench.nodes.finish("default", [ending], passing());
    expect((await bench.ledger.read("default", "x"))?.state).toBe("cancelled");
  });

  test("may be refused by two processes of that name", async ({ bench, expect }) => {
    const { ending } = await sent(bench);
    await bench.nodes.finish("default", [ending], passing());
    const again = await bench.nodes.finish("default", [ending], passing());
    expect(again.verdicts).toEqual(["repeated"]);
    const other = { ...ending, token: "1-1.1" };
    expect((await bench.nodes.finish("default", [other], passing())).verdicts).toEqual(["fenced"]);
  });
});
