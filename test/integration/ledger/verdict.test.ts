import { describe } from "vitest";
import type { JobSpec } from "../../../protocol/wire/job.ts";
import { ended, job, jobs, joinAs, memberOf, passing, taking, test } from "../../support/ledger.ts";
import { type LedgerBench, timing } from "../../support/ledger.ts";

/** Runs a job on node 1, which has renewed its lease; answers its delivery. */
async function running(bench: LedgerBench, more: Partial<JobSpec> = {}) {
  const { ear, epoch } = await bench.connect("1", 1);
  await bench.ledger.dispatch([job("a", more)]);
  await ear.settled();
  const [envelope] = ear.envelopes();
  if (envelope === undefined) throw new Error("expected a delivery");
  await bench.nodes.renew("default", [memberOf(envelope)]);
  return { ear, epoch, envelope };
}

const error = '{"code":"no","message":"","retryable":true}';

describe("the outcome of an attempt that was lost", () => {
  test("is refused if the job has failed because of the loss", async ({ bench, expect }) => {
    const { epoch, envelope } = await running(bench, { attempts: 1 });
    bench.clock.advance(timing.leaseMs + 1);
    await bench.maintenance.recover(["default"], 10);
    const { verdicts } = await bench.nodes.finish("default", [ended(envelope)], taking("1"));
    expect(verdicts).toEqual(["fenced"]);
    expect((await bench.ledger.read("default", "a"))?.state).toBe("failed");
    const { jobs: failed } = await bench.ledger.failed("default", { offset: 0, limit: 10 });
    expect(failed.map(({ id }) => id)).toEqual(["a"]);
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
  });

  test("is refused if the job was cancelled while it waited again", async ({ bench, expect }) => {
    const { epoch, envelope } = await running(bench);
    bench.clock.advance(timing.leaseMs + 1);
    await bench.maintenance.recover(["default"], 10);
    await bench.ledger.cancel("default", "a");
    const retry = { ...ended(envelope), state: "retry", text: error, delayMs: 1 } as const;
    for (const ending of [ended(envelope), retry, ended(envelope, "cancelled")]) {
      const { verdicts } = await bench.nodes.finish("default", [ending], passing("1"));
      expect(verdicts).toEqual(["fenced"]);
    }
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
  });

  test("is refused if it is a failure that would be retried", async ({ bench, expect }) => {
    const { epoch, envelope } = await running(bench);
    bench.clock.advance(timing.leaseMs + 1);
    await bench.maintenance.recover(["default"], 10);
    const retry = { ...ended(envelope), state: "retry", text: error, delayMs: 1 } as const;
    const { verdicts } = await bench.nodes.finish("default", [retry], passing("1"));
    expect(verdicts).toEqual(["fenced"]);
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
  });
});

describe("a job past its deadline", () => {
  test("expires if its node was never heard of", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a", { deadline: { inMs: 500 } })]);
    bench.clock.advance(timing.unacknowledgedMs);
    const [recovered] = await bench.maintenance.recover(["default"], 10);
    expect(recovered?.value).toMatchObject({ again: 0, ended: 1 });
    expect((await bench.ledger.read("default", "a"))?.state).toBe("expired");
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
    await ear.settled();
  });

  test("continues if it was started in time", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a", { deadline: { inMs: 500 } })]);
    await bench.connect("1", 2);
    bench.clock.advance(500);
    const [ran] = await bench.maintenance.runDue(["default"], 10);
    expect(ran?.value).toMatchObject({ placed: 0, expired: 0, nextInMs: null });
    expect(await bench.ledger.read("default", "a")).toMatchObject({
      state: "running",
      deliveries: 1,
    });
  });

  test("does not expire if it was started in time and given back", async ({ bench, expect }) => {
    const { epoch, envelope } = await running(bench, { deadline: { inMs: 500 } });
    bench.clock.advance(1_000);
    await bench.nodes.leave("default", { node: "1", epoch }, "draining");
    await bench.nodes.finish("default", [ended(envelope, "released")], passing("1"));
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "a"))?.state).toBe("queued");
  });

  test("is not started by a node that fetches jobs of its own", async ({ bench, expect }) => {
    const { envelope } = await running(bench);
    await bench.ledger.dispatch(jobs(1, "own", { node: "1", deadline: { inMs: 100 } }));
    await bench.nodes.finish("default", [ended(envelope)], taking("1"));
    bench.clock.advance(200);
    const use = { nodes: [{ node: "1", mode: "take", waiting: true }], wasBusy: false } as const;
    expect((await bench.nodes.finish("default", [], use)).next).toEqual([]);
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "own1"))?.state).toBe("expired");
  });

  test("is not started in place of a job that is given back", async ({ bench, expect }) => {
    const { envelope } = await running(bench, { node: "1" });
    await bench.ledger.dispatch(jobs(1, "any", { deadline: { inMs: 100 } }));
    bench.clock.advance(200);
    const released = ended(envelope, "released");
    expect((await bench.nodes.finish("default", [released], taking("1"))).next).toEqual([]);
    await bench.maintenance.runDue(["default"], 10);
    expect((await bench.ledger.read("default", "any1"))?.state).toBe("expired");
  });
});

describe("the errors of a job", () => {
  test("are the last ten", async ({ bench, expect }) => {
    const { envelope: first } = await running(bench, { attempts: 100 });
    let envelope = first;
    for (let attempt = 1; attempt <= 12; attempt++) {
      const retry = { ...ended(envelope), state: "retry", text: error, delayMs: 0 } as const;
      await bench.nodes.finish("default", [retry], taking("1"));
      await bench.maintenance.runDue(["default"], 10);
      const job = await bench.ledger.read("default", "a");
      envelope = { ...envelope, token: `${job?.accepted}.${job?.deliveries}` };
    }
    const errors = (await bench.ledger.read("default", "a"))?.errors ?? [];
    expect(errors.map(({ attempt }) => attempt)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  });
});
