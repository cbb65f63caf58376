/** Values that others have written into the keys stop nothing, and no job is lost beside them. */
import { describe } from "vitest";
import { ended, job, jobs, joinAs, taking, test, timing } from "../../support/ledger.ts";

const keep = {
  retentionMs: 0,
  maxFinished: 100,
  failedMs: 0,
  maxFailed: 10,
  outboxMs: 604_800_000,
};

describe("garbage in the keys", () => {
  test("among the leases does not keep ended leases from being recovered", async ({
    bench,
    expect,
  }) => {
    const { ear, epoch } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("a"), job("b")]);
    await bench.redis.zadd(bench.keys.leases, 1, "", 2, "garbage", 3, "bad 1-0.1 1", 4, " x 1");
    await bench.redis.hset(bench.keys.jobs, "bad", "nonsense");
    await ear.close();
    bench.clock.advance(timing.unacknowledgedMs);
    const [recovered] = await bench.maintenance.recover(["default"], 10);
    expect(recovered?.value).toEqual({ again: 2, ended: 0, nextInMs: null });
    await bench.redis.hdel(bench.keys.jobs, "bad");
    const back = await bench.listen("1");
    await joinAs(bench.nodes, { name: "1", slots: 2, epoch });
    await back.settled();
    expect(back.envelopes().map(({ id }) => id)).toEqual(["a", "b"]);
  });

  test("among the leases of a node does not keep it from joining", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 4);
    await bench.ledger.dispatch([job("a")]);
    await bench.redis.zadd(bench.keys.leases, 3e12, "bad 1-0.1 1", 3e12, " x 1");
    await bench.redis.hset(bench.keys.jobs, "bad", "nonsense");
    await joinAs(bench.nodes, { name: "1", slots: 4, epoch });
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["a", "a"]);
    await bench.redis.zrem(bench.keys.leases, "bad 1-0.1 1", " x 1");
    await bench.redis.hdel(bench.keys.jobs, "bad");
    await joinAs(bench.nodes, { name: "1", slots: 4, epoch, running: [] });
  });

  test("as a node row keeps no node from joining, and is pruned", async ({ bench, expect }) => {
    await bench.redis.hset(bench.keys.nodes, "1", "nonsense", "2", "", "3", "x y 1 {}");
    await bench.maintenance.prune(["default"], keep);
    expect((await bench.state()).nodes).toEqual({});
    await bench.redis.hset(bench.keys.nodes, "1", "nonsense", "3", "x y 1 {}");
    await bench.ledger.dispatch([job("a", { node: "3" })]);
    await bench.connect("1", 1);
    const { ear } = await bench.connect("3", 1);
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["a"]);
  });

  test("as a record is treated as no job", async ({ bench, expect }) => {
    await bench.redis.hset(bench.keys.jobs, "bad", "nonsense");
    expect(await bench.ledger.cancel("default", "bad")).toEqual({ kind: "unknown" });
    expect(await bench.ledger.resend("default", ["bad"])).toEqual(["unknown"]);
    await bench.redis.rpush(bench.keys.backlog, "bad");
    await bench.redis.zadd(bench.keys.due, 1, "bad");
    await bench.maintenance.runDue(["default"], 10);
    const { ear } = await bench.connect("1", 1);
    const [made] = await bench.ledger.dispatch([job("bad")]);
    expect(made).toMatchObject({ state: "running", duplicate: false });
    await ear.settled();
  });

  test("as a result is pruned, and so are the results after it", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 3);
    await bench.ledger.dispatch(jobs(3));
    await ear.settled();
    const endings = ear.envelopes().map((each) => ended(each));
    await bench.nodes.finish("default", endings, taking("1"));
    await bench.redis.hset(bench.keys.results, "j1", "nonsense", "j2", "");
    await bench.redis.xadd(
      bench.keys.index,
      `${bench.clock.now()}-99`,
      "other",
      "words of another",
    );
    await bench.maintenance.prune(["default"], keep);
    expect((await bench.state()).jobs).toEqual({});
  });
});
