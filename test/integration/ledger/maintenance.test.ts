import { describe } from "vitest";
import { stampMs } from "../../../protocol/wire/record.ts";
import { ended, job, jobs, joinAs, type LedgerBench, taking, test } from "../../support/ledger.ts";

const day = 86_400_000;
const keep = {
  retentionMs: day,
  maxFinished: 100_000,
  outboxMs: 7 * day,
  failedMs: 7 * day,
  maxFailed: 10_000,
};

async function prune(bench: LedgerBench, more: Partial<typeof keep> = {}) {
  const [pruned] = await bench.maintenance.prune(["default"], { ...keep, ...more });
  if (pruned === undefined) throw new Error("expected an answer");
  return pruned.value;
}

/** Dispatches `count` jobs to node 1 and ends them; the node has left afterwards. */
async function done(bench: LedgerBench, count: number, prefix: string) {
  const ear = await bench.listen("1");
  const epoch = await joinAs(bench.nodes, { name: "1", slots: count });
  await bench.ledger.dispatch(jobs(count, prefix));
  await ear.settled();
  const endings = ear.envelopes().map((each) => ended(each));
  const finished = await bench.nodes.finish("default", endings, taking("1"));
  await bench.nodes.leave("default", { node: "1", epoch }, "gone");
  await ear.close();
  return finished;
}

async function idsOf(bench: LedgerBench) {
  return Object.keys((await bench.state()).jobs).toSorted();
}

describe("prune", () => {
  test("deletes jobs that finished before the retention, and no others", async ({
    bench,
    expect,
  }) => {
    await done(bench, 2, "old");
    bench.clock.advance(1);
    await done(bench, 2, "new");
    bench.clock.advance(day - 1);
    expect(await prune(bench)).toEqual({ forgotten: 2, more: false });
    expect(await idsOf(bench)).toEqual(["new1", "new2"]);
    expect(Object.keys((await bench.state()).results).toSorted()).toEqual(["new1", "new2"]);
  });

  test("keeps old jobs that have not ended, and lists them", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("waits"), job("runs", { node: "9" }), job("late")]);
    bench.clock.advance(day);
    const { ear } = await bench.connect("8", 1);
    await ear.settled();
    bench.clock.advance(day);
    expect(await prune(bench)).toEqual({ forgotten: 0, more: false });
    expect(await idsOf(bench)).toEqual(["late", "runs", "waits"]);
    const page = await listed(bench);
    expect(page.jobs.map(({ id }) => id).toSorted()).toEqual(["late", "runs", "waits"]);
  });

  test("deletes the oldest jobs beyond the count", async ({ bench, expect }) => {
    await done(bench, 3, "a");
    bench.clock.advance(1);
    await done(bench, 3, "b");
    expect(await prune(bench, { maxFinished: 2 })).toEqual({ forgotten: 4, more: false });
    expect(await idsOf(bench)).toHaveLength(2);
    expect((await idsOf(bench)).every((id) => id.startsWith("b"))).toBe(true);
  });

  test("says that more is left after about 3,000", async ({ bench, expect }) => {
    for (const prefix of ["a", "b", "c", "d", "e"]) {
      await done(bench, 900, prefix);
      bench.clock.advance(1);
    }
    bench.clock.advance(day);
    expect(await prune(bench)).toEqual({ forgotten: 3_600, more: true });
    expect(await prune(bench)).toEqual({ forgotten: 900, more: false });
    const state = await bench.state();
    expect([state.jobs, state.results, state.indexed]).toEqual([{}, {}, []]);
  });

  test("deletes as many jobs that were dispatched one by one", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 700);
    for (const each of jobs(700)) await bench.ledger.dispatch([each]);
    await ear.settled();
    await bench.nodes.finish(
      "default",
      ear.envelopes().map((each) => ended(each)),
      taking("1"),
    );
    bench.clock.advance(day);
    expect(await prune(bench)).toEqual({ forgotten: 700, more: false });
  });

  test("deletes the deadline of a job that was started in time", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(2, "a", { deadline: { inMs: 30 * day } }));
    await done(bench, 2, "b");
    expect(await bench.redis.zcard(bench.keys.due)).toBe(2);
    const [first] = await bench.ledger.delete("default", ["a1"]);
    expect(first).toBe("deleted");
    expect(await bench.redis.zcard(bench.keys.due)).toBe(1);
    bench.clock.advance(day);
    await prune(bench);
    expect(await bench.redis.exists(bench.keys.due)).toBe(0);
  });

  test("keeps the row of a node that has long been joined and drains", async ({
    bench,
    expect,
  }) => {
    const { ear, epoch } = await bench.connect("1", 1);
    bench.clock.advance(8 * day);
    await bench.nodes.leave("default", { node: "1", epoch }, "draining");
    await prune(bench);
    expect(Object.keys((await bench.state()).nodes)).toEqual(["1"]);
    await ear.close();
    await prune(bench);
    expect((await bench.state()).nodes).toEqual({});
  });

  test("lets the id be used again", async ({ bench, expect }) => {
    await done(bench, 1, "a");
    bench.clock.advance(day);
    await prune(bench);
    const [again] = await bench.ledger.dispatch([job("a1", { payload: "other" })]);
    expect(again).toMatchObject({ kind: "accepted", duplicate: false });
  });

  test("drops outbox entries past their age", async ({ bench, expect }) => {
    await done(bench, 1, "a");
    bench.clock.advance(7 * day);
    await done(bench, 1, "b");
    bench.clock.advance(1);
    await prune(bench, { retentionMs: 30 * day });
    const [outbox] = await bench.maintenance.undelivered(["default"], 0, 10);
    expect(outbox?.value.map(({ results }) => results.includes('"b1"'))).toEqual([true]);
  });

  test("of nothing changes nothing", async ({ bench, expect }) => {
    expect(await prune(bench)).toEqual({ forgotten: 0, more: false });
    expect(await bench.redis.keys(`${bench.naming.keyPrefix}:*`)).toEqual([]);
  });
});

describe("ack and undelivered", () => {
  test("ack removes entries once and marks their results as recorded", async ({
    bench,
    expect,
  }) => {
    const { entry } = await done(bench, 2, "a");
    const entries = new Map([["default", [entry ?? "", "1-1"]]]);
    expect((await bench.ledger.read("default", "a1"))?.ended?.recorded).toBe(false);
    expect(await bench.maintenance.ack(entries)).toBe(1);
    expect(await bench.maintenance.ack(entries)).toBe(0);
    expect((await bench.ledger.read("default", "a1"))?.ended?.recorded).toBe(true);
    expect(await bench.maintenance.ack(new Map([["default", []]]))).toBe(0);
  });

  test("undelivered lists what is old enough, the oldest first", async ({ bench, expect }) => {
    const { entry: first } = await done(bench, 1, "a");
    bench.clock.advance(1_000);
    const { entry: second } = await done(bench, 1, "b");
    const entries = async (graceMs: number, limit: number) =>
      (await bench.maintenance.undelivered(["default"], graceMs, limit))[0]?.value.map(
        (e) => e.entry,
      );
    expect(await entries(0, 10)).toEqual([first, second]);
    expect(await entries(0, 1)).toEqual([first]);
    expect(await entries(1_000, 10)).toEqual([first]);
    expect(await entries(1_001, 10)).toEqual([]);
  });

  test("undelivered lists about 1 MiB, and at least one entry", async ({ bench, expect }) => {
    const ear = await bench.listen("1");
    await joinAs(bench.nodes, { name: "1", slots: 3 });
    await bench.ledger.dispatch(jobs(3));
    await ear.settled();
    for (const envelope of ear.envelopes()) {
      const ending = ended(envelope, "succeeded", "x".repeat(1_100_000));
      await bench.nodes.finish("default", [ending], taking("1"));
    }
    const [outbox] = await bench.maintenance.undelivered(["default"], 0, 10);
    expect(outbox?.value).toHaveLength(1);
  });
});

async function listed(
  bench: LedgerBench,
  filter: Partial<{ limit: number; state: string; name: string }> = {},
  from: { entry: string; place: number } = { entry: "+", place: 0 },
) {
  const [page] = await bench.ledger.list(["default"], () => from, {
    limit: 10,
    state: "-",
    name: "-",
    ...filter,
  });
  if (page === undefined) throw new Error("expected a page");
  return page.value;
}

async function everyPage(bench: LedgerBench, filter: Parameters<typeof listed>[1]) {
  const ids: string[] = [];
  let from: { entry: string; place: number } | null = { entry: "+", place: 0 };
  for (let pages = 0; from !== null; pages++) {
    const page = await listed(bench, filter, from);
    ids.push(...page.jobs.map(({ id }) => id));
    from = page.next;
    if (pages > 2_000) throw new Error("expected the pages to end");
  }
  return ids;
}

describe("list", () => {
  test("starts with the newest, across dispatches and within them", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(3, "a"));
    await bench.ledger.dispatch([job("b")]);
    const page = await listed(bench);
    expect(page.jobs.map(({ id }) => id)).toEqual(["b", "a3", "a2", "a1"]);
    expect(page.next).toBeNull();
  });

  test.for([1, 3, 7, 50, 99])(
    "has every job once in pages of %i",
    async (limit, { bench, expect }) => {
      for (let at = 0; at < 5; at++) await bench.ledger.dispatch(jobs(60, `d${at}_`));
      for (let at = 0; at < 40; at++) await bench.ledger.dispatch([job(`s${at}`)]);
      const ids = await everyPage(bench, { limit });
      expect(ids).toHaveLength(340);
      expect(new Set(ids).size).toBe(340);
      expect(ids[0]).toBe("s39");
      expect(ids.at(-1)).toBe("d0_1");
    },
  );

  test("filters by state and by name", async ({ bench, expect }) => {
    await done(bench, 2, "done");
    await bench.connect("2", 1);
    await bench.ledger.dispatch([job("runs", { name: "other" }), job("waits")]);
    const of = async (filter: Parameters<typeof listed>[1]) => everyPage(bench, filter);
    expect(await of({ state: "succeeded" })).toEqual(["done2", "done1"]);
    expect(await of({ state: "running" })).toEqual(["runs"]);
    expect(await of({ state: "queued" })).toEqual(["waits"]);
    expect(await of({ name: "other" })).toEqual(["runs"]);
    expect(await of({ name: "other", state: "queued" })).toEqual([]);
  });

  test("continues over deleted jobs and empty pages", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("oldest", { name: "rare" })]);
    for (let at = 0; at < 3; at++) await bench.ledger.dispatch(jobs(700, `d${at}_`));
    expect((await listed(bench, { name: "rare" })).jobs).toEqual([]);
    expect(await everyPage(bench, { name: "rare" })).toEqual(["oldest"]);
  });
});

describe("read, find and nodes", () => {
  test("read answers a job's whole record", async ({ bench, expect }) => {
    expect(await bench.ledger.read("default", "a")).toBeNull();
    await bench.ledger.dispatch([job("a", { node: "4", payload: { x: [1] }, attempts: 2 })]);
    const stored = await bench.ledger.read("default", "a");
    expect(stored).toMatchObject({ state: "queued", node: null, target: "4", name: "echo" });
    expect(stored).toMatchObject({ deliveries: 0, attemptsUsed: 0 });
    expect(stored?.body).toBe(',"attempts":2,"payload":{"x":[1]}}');
    expect(stampMs(stored?.accepted ?? "")).toBe(bench.clock.now());
  });

  test("find searches the queues in their order", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a", { queue: "x" }), job("a", { queue: "y" })]);
    expect((await bench.ledger.find(["default", "y", "x"], "a"))?.queue).toBe("y");
    expect(await bench.ledger.find(["default", "y"], "b")).toBeNull();
  });

  test("nodes lists slots and how many are busy", async ({ bench, expect }) => {
    const { ear } = await bench.connect("10", 2);
    await bench.connect("9", 3);
    await bench.ledger.dispatch(jobs(4));
    await ear.close();
    await bench.ledger.dispatch([job("own", { node: "10" }), ...jobs(3, "more")]);
    const [queue] = await bench.ledger.nodes(["default"]);
    expect(queue?.value.map(({ node, slots, busy }) => [node, slots, busy])).toEqual([
      ["9", 3, 3],
      ["10", 2, 2],
    ]);
  });

  test("nodes keeps what a subscriber says about itself, spaces included", async ({
    bench,
    expect,
  }) => {
    const info = '{"host":"a b  c","pid":1}';
    await bench.nodes.join({
      queue: "default",
      name: "1",
      epoch: null,
      slots: 1,
      info,
      running: [],
    });
    const [queue] = await bench.ledger.nodes(["default"]);
    expect(queue?.value[0]?.info).toBe(info);
  });

  test("listeners counts the present listeners", async ({ bench, expect }) => {
    await bench.listen("1");
    await bench.listen("1");
    const counts = await bench.ledger.listeners(["1", "2"]);
    expect([...counts]).toEqual([
      ["1", 2],
      ["2", 0],
    ]);
    expect(await bench.ledger.listeners([])).toEqual(new Map());
  });
});
