/** What a Redis that is out of memory still lets happen, whole; see also `ledger-dispatch.test.ts`. */
import { describe } from "vitest";
import {
  job,
  jobs,
  joinAs,
  memberOf,
  test,
  timing,
  type LedgerBench,
} from "../../support/ledger.ts";

async function full<Result>(bench: LedgerBench, act: () => Promise<Result>): Promise<Result> {
  await bench.redis.config("SET", "maxmemory", "1");
  try {
    return await act();
  } finally {
    await bench.redis.config("SET", "maxmemory", "0");
  }
}

describe("a Redis that is out of memory", () => {
  test("lets a node join, again too, and gives it what waits", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(2));
    const ear = await bench.listen("1");
    const epoch = await full(bench, () => joinAs(bench.nodes, { name: "1", slots: 1 }));
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["j1"]);
    const running = ear.envelopes().map(memberOf);
    await full(bench, () => joinAs(bench.nodes, { name: "1", slots: 2, epoch, running }));
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["j1", "j2"]);
  });

  test("lets leases end and what is due be done", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a"), job("late", { deadline: { inMs: 10 } })]);
    await bench.ledger.dispatch([job("soon", { start: { inMs: 10 } })]);
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    const [expired] = await full(bench, () => bench.maintenance.recover(["default"], 10));
    expect(expired?.value.again).toBe(1);
    const [woken] = await full(bench, () => bench.maintenance.runDue(["default"], 10));
    expect(woken?.value).toMatchObject({ placed: 1, expired: 1 });
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
  });

  test("lets a job that waits or runs be cancelled, and none be sent again", async ({
    bench,
    expect,
  }) => {
    await bench.connect("1", 1);
    await bench.ledger.dispatch([job("runs"), job("waits")]);
    const cancel = (id: string) => full(bench, () => bench.ledger.cancel("default", id));
    expect(await cancel("runs")).toEqual({ kind: "stopping" });
    expect(await cancel("waits")).toEqual({ kind: "cancelled" });
    const before = await bench.state();
    const resend = full(bench, () => bench.ledger.resend("default", ["waits"]));
    await expect(resend).rejects.toThrow(/OOM/);
    expect(await bench.state()).toEqual(before);
  });

  test("lets ended jobs be forgotten", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a"), job("alive")]);
    await bench.ledger.cancel("default", "a");
    const keep = { retentionMs: 0, maxFinished: 0, failedMs: 0, maxFailed: 0, outboxMs: 0 };
    const [retired] = await full(bench, () => bench.maintenance.prune(["default"], keep));
    expect(retired?.value.forgotten).toBe(1);
    expect((await bench.state()).indexed).toEqual(["alive"]);
  });
});
