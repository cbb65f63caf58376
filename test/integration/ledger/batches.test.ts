/** Batches, word by word: what a batch of jobs is given, and what several ends in one call take from a backlog. */
import { describe } from "vitest";
import type { Envelope } from "../../../protocol/wire/messages.ts";
import { ended, job, jobs, type LedgerBench, taking, test, timing } from "../../support/ledger.ts";

describe("the leases of a batch of plain jobs", () => {
  test("last for as long as a delivery may stay unacknowledged, and no longer", async ({
    bench,
    expect,
  }) => {
    await bench.connect("1", 3);
    await bench.ledger.dispatch(jobs(3));
    const recovered = async () =>
      (await bench.maintenance.recover(["default"], 10))[0]?.value.again;
    bench.clock.advance(timing.unacknowledgedMs - 1);
    expect(await recovered()).toBe(0);
    bench.clock.advance(1);
    expect(await recovered()).toBe(3);
  });

  test("are watched from then on", async ({ bench, expect }) => {
    const ear = await bench.listenToControl();
    await bench.connect("1", 2);
    await bench.ledger.dispatch(jobs(2));
    await ear.settled();
    expect(ear.heard).toEqual([`{"v":1,"queue":"default","leaseInMs":${timing.unacknowledgedMs}}`]);
    const end = `${bench.clock.now() + timing.unacknowledgedMs}`;
    expect(await bench.redis.zscore(bench.keys.leases, "watch")).toBe(end);
  });
});

describe("a batch of jobs", () => {
  test("takes other free slots if a node does not listen", async ({ bench, expect }) => {
    const silent = await bench.connect("1", 2);
    const { ear } = await bench.connect("2", 3);
    await silent.ear.close();
    const answers = await bench.ledger.dispatch(jobs(2));
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["j1", "j2"]);
    expect(answers.map((each) => each.kind === "accepted" && each.node)).toEqual(["2", "2"]);
    expect(await bench.state()).toMatchObject({ free: ["2"], backlog: [] });
  });

  test("takes no deduplication key for a job that is known", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    const batch = [job("a", { dedupe }), job("b")];
    await bench.ledger.dispatch(batch);
    await bench.redis.del(`${bench.keys.dedupeBase}k`);
    const [again] = await bench.ledger.dispatch(batch);
    expect(again).toMatchObject({ kind: "accepted", id: "a", duplicate: true });
    expect(again).not.toHaveProperty("deduplicated");
    expect(await bench.redis.exists(`${bench.keys.dedupeBase}k`)).toBe(0);
  });
});

describe.each([
  ["a node that was busy", true],
  ["a node that was idle", false],
])("a backlog from which several ends in one call on %s take jobs", (_, wasBusy) => {
  const nodes = [{ node: "1", mode: "take", waiting: false } as const];

  async function busyTwice(bench: LedgerBench): Promise<readonly Envelope[]> {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("one"), job("two")]);
    await ear.settled();
    return ear.envelopes();
  }

  async function end(bench: LedgerBench, envelopes: readonly Envelope[]) {
    const endings = envelopes.map((each) => ended(each));
    const { next } = await bench.nodes.finish("default", endings, { nodes, wasBusy });
    return next.map((text) => JSON.parse(text) as Envelope);
  }

  /** Lets jobs wait with these words in their records: `<deliveries> <attempts> <deadline> <node> <target>`. */
  async function waitAs(bench: LedgerBench, pasts: Readonly<Record<string, string>>) {
    const waiting = Object.keys(pasts).map((id) => job(id));
    await bench.ledger.dispatch(waiting);
    const accepted = (await bench.ledger.read("default", "a"))?.accepted ?? "";
    for (const [id, past] of Object.entries(pasts)) {
      await bench.redis.hset(bench.keys.jobs, id, `Q ${accepted} ${past} echo\n}`);
    }
    return accepted;
  }

  test.for(["R 1-0 1 0 - 2 - echo\n}", "D 1-0 0 0 - - - echo\n}", "C 1-0 1 0 - - - echo\n}"])(
    "gives out nothing that does not wait: %j",
    async (record, { bench, expect }) => {
      const envelopes = await busyTwice(bench);
      await bench.redis.hset(bench.keys.jobs, "odd", record);
      await bench.redis.rpush(bench.keys.backlog, "odd", "odd", "unknown");
      await bench.ledger.dispatch([job("good")]);
      expect((await end(bench, envelopes)).map(({ id }) => id)).toEqual(["good"]);
      expect(await bench.redis.hget(bench.keys.jobs, "odd")).toBe(record);
      await bench.redis.hdel(bench.keys.jobs, "odd");
    },
  );

  test("counts deliveries and attempts of any number of digits", async ({ bench, expect }) => {
    const envelopes = await busyTwice(bench);
    const accepted = await waitAs(bench, { a: "99 3 - - -", b: "3 12 - - -" });
    const next = await end(bench, envelopes);
    expect(next.map(({ token, attempt }) => [token, attempt])).toEqual([
      [`${accepted}.100`, 4],
      [`${accepted}.4`, 13],
    ]);
    expect(await bench.redis.hmget(bench.keys.jobs, "a", "b")).toEqual([
      `R ${accepted} 100 3 - 1 - echo\n}`,
      `R ${accepted} 4 12 - 1 - echo\n}`,
    ]);
  });

  test("keeps the attempts, the target and the deadline of a job", async ({ bench, expect }) => {
    const envelopes = await busyTwice(bench);
    const pasts = { a: "1 2 - - 1", b: "2 1 9 - -", c: "2 2 - 3 -", d: "1 2 - - -" };
    const accepted = await waitAs(bench, pasts);
    const first = await end(bench, envelopes);
    const next = [...first, ...(await end(bench, first))];
    expect(next.map(({ attempt }) => attempt)).toEqual([3, 2, 3, 3]);
    expect(await bench.redis.hmget(bench.keys.jobs, "a", "b", "c", "d")).toEqual([
      `R ${accepted} 2 2 - 1 1 echo\n}`,
      `R ${accepted} 3 1 9 1 - echo\n}`,
      `R ${accepted} 3 2 - 1 - echo\n}`,
      `R ${accepted} 2 2 - 1 - echo\n}`,
    ]);
  });

  test("leases its jobs for as long as any delivery", async ({ bench, expect }) => {
    const envelopes = await busyTwice(bench);
    await bench.ledger.dispatch([job("three"), job("four")]);
    const given = envelopes.map((each) => ended(each, "released"));
    await bench.nodes.finish("default", given, { nodes, wasBusy });
    const recovered = async () =>
      (await bench.maintenance.recover(["default"], 10))[0]?.value.again;
    bench.clock.advance(timing.unacknowledgedMs - 1);
    expect(await recovered()).toBe(0);
    bench.clock.advance(1);
    expect(await recovered()).toBe(2);
  });

  test("goes to the node whose slot comes first, and skips ids without a job", async ({
    bench,
    expect,
  }) => {
    const { ear } = await bench.connect("1", 1);
    const { ear: other } = await bench.connect("2", 1);
    await bench.ledger.dispatch([job("one"), job("two")]);
    await ear.settled();
    await other.settled();
    await bench.redis.rpush(bench.keys.backlog, "unknown");
    await bench.ledger.dispatch([job("good")]);
    const endings = [...ear.envelopes(), ...other.envelopes()].map((each) => ended(each));
    const { next } = await bench.nodes.finish("default", endings, { ...taking("1", "2"), wasBusy });
    expect(next.map((text) => (JSON.parse(text) as Envelope).node)).toEqual(["1"]);
    expect((await bench.state()).free).toEqual(["2"]);
  });
});

describe("several attempts that end in one call", () => {
  async function begin(bench: LedgerBench): Promise<readonly Envelope[]> {
    const { ear } = await bench.connect("1", 4);
    await bench.ledger.dispatch(jobs(4));
    await ear.settled();
    return ear.envelopes();
  }

  test("are each stored as they ended, and those that failed are listed", async ({
    bench,
    expect,
  }) => {
    const states = ["succeeded", "failed", "cancelled", "failed"] as const;
    const endings = (await begin(bench)).map((each, at) => ended(each, states[at]));
    await bench.nodes.finish("default", endings, { ...taking("1"), wasBusy: false });
    const kept = await bench.redis.hmget(bench.keys.results, ...endings.map(({ id }) => id));
    const accepted = `${bench.clock.now()}-0`;
    expect(kept).toEqual(
      endings.map(({ state, token, text }) => `${state} ${accepted} ${token} 1\n${text}`),
    );
    expect(await bench.redis.zrange(bench.keys.failed, "0", "-1")).toEqual(["j2", "j4"]);
  });

  test("wait for their next attempt for as long as each requested", async ({ bench, expect }) => {
    const text = '{"code":"x","message":"y","retryable":true}';
    const endings = (await begin(bench)).map((each, at) => ({
      ...ended(each, "retry"),
      text,
      delayMs: at * 100,
    }));
    await bench.nodes.finish("default", endings, { ...taking("1"), wasBusy: false });
    const due = await bench.redis.zrange(bench.keys.due, "0", "-1", "WITHSCORES");
    const now = bench.clock.now();
    expect(due).toEqual(endings.flatMap(({ id, delayMs }) => [id, `${now + delayMs}`]));
  });
});
