/** What a Redis that is out of memory still does, and does as a whole. */
import { describe } from "vitest";
import {
  ended,
  job,
  jobs,
  joinAs,
  type LedgerBench,
  memberOf,
  taking,
  test,
  timing,
} from "../../support/ledger.ts";

/** Runs `act` while Redis is out of memory. */
async function full<Result>(bench: LedgerBench, act: () => Promise<Result>): Promise<Result> {
  await bench.redis.config("SET", "maxmemory", "1");
  try {
    return await act();
  } finally {
    await bench.redis.config("SET", "maxmemory", "0");
  }
}

describe("a Redis that is out of memory", () => {
  test("refuses a dispatch as a whole and publishes nothing", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("a")]);
    const before = await bench.state();
    const limit = (bytes: string) =>
      Promise.all(bench.servers.map((server) => server.config("SET", "maxmemory", bytes)));
    await limit("1");
    try {
      await expect(bench.ledger.dispatch(jobs(2))).rejects.toMatchObject({
        code: "redis_unavailable",
      });
      await expect(bench.ledger.dispatch([job("b", { queue: "q" })])).rejects.toThrow(/OOM/);
    } finally {
      await limit("0");
    }
    await ear.settled();
    expect(await bench.state()).toEqual(before);
    for (const server of bench.servers) {
      expect(await server.keys(`${bench.naming.keyPrefix}:{q}:*`)).toEqual([]);
    }
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["a"]);
  });

  test("still lets running jobs renew and end", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("a"), job("b")]);
    await ear.settled();
    const [a, b] = ear.envelopes();
    if (a === undefined || b === undefined) throw new Error("expected two deliveries");
    await bench.redis.config("SET", "maxmemory", "1");
    try {
      const finished = await bench.nodes.finish("default", [ended(a)], taking("1"));
      expect(finished.verdicts).toEqual(["stored"]);
      const lost = await bench.nodes.renew("default", [`b ${b.token} 1`]);
      expect(lost).toEqual([]);
    } finally {
      await bench.redis.config("SET", "maxmemory", "0");
    }
  });

  test("lets a node join and join again, and sends it what waits", async ({ bench, expect }) => {
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

  test("recovers leases and runs what is due", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a"), job("late", { deadline: { inMs: 10 } })]);
    await bench.ledger.dispatch([job("soon", { start: { inMs: 10 } })]);
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    const [recovered] = await full(bench, () => bench.maintenance.recover(["default"], 10));
    expect(recovered?.value.again).toBe(1);
    const [ran] = await full(bench, () => bench.maintenance.runDue(["default"], 10));
    expect(ran?.value).toMatchObject({ placed: 1, expired: 1 });
    await joinAs(bench.nodes, { name: "1", slots: 1, epoch });
  });

  test("cancels waiting and running jobs, and sends none again", async ({ bench, expect }) => {
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

  test("prunes ended jobs", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a"), job("alive")]);
    await bench.ledger.cancel("default", "a");
    const keep = { retentionMs: 0, maxFinished: 0, failedMs: 0, maxFailed: 0, outboxMs: 0 };
    const [pruned] = await full(bench, () => bench.maintenance.prune(["default"], keep));
    expect(pruned?.value.forgotten).toBe(1);
    expect((await bench.state()).indexed).toEqual(["alive"]);
  });
});
