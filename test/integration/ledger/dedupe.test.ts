import { describe } from "vitest";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import type { Call } from "../../../protocol/redis/port.ts";
import { createJobSigner, createJobVerifier } from "../../../protocol/signing/job.ts";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";
import { decodeBody } from "../../../protocol/wire/job.ts";
import { ended, job, type LedgerBench, taking, test, timing } from "../../support/ledger.ts";

/** Every kind of character that an id may hold; some have a meaning in Lua patterns. */
const oddId = "a.b_c:d@e~f+g=h-1";

const verdicts = { replace: "replaced", debounce: "debounced" } as const;

describe("a job that became the content of another", () => {
  test.for(["replace", "debounce"] as const)(
    "makes no second job when it is sent again after that one has started: %s",
    async (mode, { bench, expect }) => {
      const dedupe = { key: "k", windowMs: 60_000, mode };
      await bench.connect("1", 1);
      await bench.ledger.dispatch([job("busy")]);
      const later = { inMs: 10 };
      await bench.ledger.dispatch([job("holder", { dedupe, start: later, payload: 1 })]);
      const request = job(oddId, { dedupe, start: later, payload: 2 });
      const [first] = await bench.ledger.dispatch([request]);
      bench.clock.advance(61_000);
      await bench.connect("2", 1);
      await bench.maintenance.runDue(["default"], 10);
      expect((await bench.ledger.read("default", "holder"))?.state).toBe("running");

      const [again] = await bench.ledger.dispatch([request]);
      expect(again).toMatchObject({ id: "holder", deduplicated: verdicts[mode] });
      expect(again?.id).toBe(first?.id);
      expect(Object.keys((await bench.state()).jobs).toSorted()).toEqual(["busy", "holder"]);
    },
  );

  test("does not undo a later job when it is sent again", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    await bench.ledger.dispatch([job("holder", { dedupe })]);
    await bench.ledger.dispatch([job("x", { dedupe, payload: "x" })]);
    await bench.ledger.dispatch([job("y", { dedupe, payload: "y" })]);
    const [again] = await bench.ledger.dispatch([job("x", { dedupe, payload: "x" })]);
    expect(again).toMatchObject({ id: "holder", deduplicated: "replaced" });
    expect((await bench.ledger.read("default", "holder"))?.body).toContain('"payload":"y"');
  });

  test("is still known when another job holds the key", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    await bench.ledger.dispatch([job("holder", { dedupe })]);
    await bench.ledger.dispatch([job("x", { dedupe, payload: "x" })]);
    await bench.connect("1", 1);
    await bench.ledger.dispatch([job("next", { dedupe, payload: "next" })]);
    const [again] = await bench.ledger.dispatch([job("x", { dedupe, payload: "x" })]);
    expect(again).toMatchObject({ id: "holder", deduplicated: "replaced" });
    expect((await bench.ledger.read("default", "next"))?.body).toContain('"payload":"next"');
  });

  test("is remembered by the key among the last sixteen", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    for (let at = 0; at < 40; at++) await bench.ledger.dispatch([job(`j${at}`, { dedupe })]);
    const entry = await bench.redis.get(`${bench.keys.dedupeBase}k`);
    expect(entry?.split(" ")).toHaveLength(1 + 16);
    expect(entry).toMatch(/^j0 j39,j0 j38,j0 /);
    expect(await bench.redis.pttl(`${bench.keys.dedupeBase}k`)).toBeGreaterThan(0);
  });
});

describe("a key whose job waits for another attempt", () => {
  test("goes to a new job: the content has been run", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("holder", { dedupe, payload: 1 })]);
    await ear.settled();
    const failure = { state: "retry", text: "{}", delayMs: 1_000 } as const;
    const endings = ear.envelopes().map((each) => ({ ...ended(each), ...failure }));
    await bench.nodes.finish("default", endings, taking("1"));
    const [made] = await bench.ledger.dispatch([job("x", { dedupe, payload: 2 })]);
    expect(made).toMatchObject({ id: "x", state: "running", duplicate: false });
    expect((await bench.ledger.read("default", "holder"))?.body).toContain('"payload":1');
  });
});

describe("a key that is debounced", () => {
  test("lets its job expire on time, though it would start later", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "debounce" } as const;
    await bench.ledger.dispatch([job("a", { dedupe, deadline: { inMs: 5_000 } })]);
    await bench.ledger.dispatch([job("b", { dedupe })]);
    bench.clock.advance(5_000);
    const [ran] = await bench.maintenance.runDue(["default"], 10);
    expect(ran?.value).toMatchObject({ placed: 0, expired: 1 });
    expect((await bench.ledger.read("default", "a"))?.state).toBe("expired");
  });

  test("is held for a whole window from the last dispatch on", async ({ bench, expect }) => {
    const mode = "debounce";
    await bench.ledger.dispatch([job("a", { dedupe: { key: "k", windowMs: 1_000, mode } })]);
    await bench.ledger.dispatch([job("b", { dedupe: { key: "k", windowMs: 60_000, mode } })]);
    expect(await bench.redis.pttl(`${bench.keys.dedupeBase}k`)).toBeGreaterThan(1_000);
  });
});

describe("two jobs of a batch that replace the same waiting job", () => {
  test("keep the options of both", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    await bench.ledger.dispatch([job("holder", { dedupe })]);
    await bench.ledger.dispatch([
      job("x", { dedupe, payload: "x", start: { inMs: 1_000 }, deadline: { inMs: 5_000 } }),
      job("y", { dedupe, payload: "y" }),
    ]);
    const holder = await bench.ledger.read("default", "holder");
    expect(holder).toMatchObject({ state: "delayed", deadlineMs: bench.clock.now() + 5_000 });
    expect(holder?.body).toContain('"payload":"y"');
  });
});

describe("signed content that another job is to have", () => {
  /** A ledger that signs, a check whether a stored job is signed as it is stored, and the calls that were sent. */
  async function signing(
    bench: LedgerBench,
    before: (call: number) => Promise<unknown> = () => Promise.resolve(),
  ) {
    const keys = await importSigningKeys(`k:whsec_${Buffer.alloc(32, 1).toString("base64")}`);
    const { port: redis, naming, clock } = bench;
    const sent: number[] = [];
    const counted = {
      send: async (calls: readonly Call[]) => {
        await before(sent.push(calls.length));
        return redis.send(calls);
      },
    };
    const options = { redis: counted, naming, timing, simulatedNow: clock.now };
    const ledger = createJobLedger({ ...options, signer: createJobSigner(keys) });
    const verify = createJobVerifier(keys);
    const isRight = async (id: string, node = "1") => {
      const stored = await bench.ledger.read("default", id);
      const body = decodeBody(stored?.body ?? "}");
      const name = stored?.name ?? "";
      const place = { v: 1, queue: "default", node, token: "1-0.1", attempt: 1 } as const;
      return (await verify({ ...place, id, name, ...body })) === null;
    };
    return { ledger, isRight, sent };
  }
  const dedupe = { key: "a key", windowMs: 60_000, mode: "replace" } as const;

  test("is signed for that job, in a second call", async ({ bench, expect }) => {
    const { ledger, isRight, sent } = await signing(bench);
    await ledger.dispatch([job("holder", { dedupe, payload: 1, node: "7" })]);
    expect(sent).toEqual([1]);
    const request = job("x", { dedupe, payload: 2, name: "other" });
    const answers = await ledger.dispatch([job("y"), request]);
    expect(answers).toMatchObject([
      { id: "y", duplicate: false },
      { id: "holder", deduplicated: "replaced", node: "7" },
    ]);
    expect(sent).toEqual([1, 1, 1]);
    expect(await bench.ledger.read("default", "holder")).toMatchObject({
      name: "other",
      target: "7",
      body: expect.stringContaining('"payload":2') as string,
    });
    expect([await isRight("holder", "7"), await isRight("y")]).toEqual([true, true]);
    expect(await isRight("holder", "8")).toBe(false);

    const [again] = await ledger.dispatch([request]);
    expect(again).toMatchObject({ id: "holder", deduplicated: "replaced" });
    expect(sent).toEqual([1, 1, 1, 1]);
  });

  test("of one batch makes a job of its own if its holder was started immediately", async ({
    bench,
    expect,
  }) => {
    await bench.connect("1", 2);
    const { ledger, isRight } = await signing(bench);
    const answers = await ledger.dispatch([job("a", { dedupe }), job("b", { dedupe })]);
    expect(answers).toMatchObject([
      { id: "a", state: "running" },
      { id: "b", state: "running", duplicate: false },
    ]);
    expect([await isRight("a"), await isRight("b")]).toEqual([true, true]);
  });

  test("of one batch becomes its holder's if the holder waits", async ({ bench, expect }) => {
    const { ledger, isRight } = await signing(bench);
    const debounce = { ...dedupe, mode: "debounce" } as const;
    const specs = [1, 2, 3].map((payload) => job(`j${payload}`, { dedupe: debounce, payload }));
    expect(await ledger.dispatch(specs)).toMatchObject([
      { id: "j1", state: "delayed" },
      { id: "j1", deduplicated: "debounced" },
      { id: "j1", deduplicated: "debounced" },
    ]);
    expect(await isRight("j1")).toBe(true);
    expect((await bench.ledger.read("default", "j1"))?.body).toContain('"payload":3');
  });

  test("is signed for its own job again if the holder has gone since", async ({
    bench,
    expect,
  }) => {
    const { ledger, isRight, sent } = await signing(bench, async (call) => {
      if (call === 3) await bench.ledger.cancel("default", "holder");
    });
    await ledger.dispatch([job("holder", { dedupe })]);
    const [answer] = await ledger.dispatch([job("x", { dedupe, payload: 2 })]);
    expect(answer).toMatchObject({ kind: "accepted", id: "x", duplicate: false });
    expect(await isRight("x")).toBe(true);
    expect(sent).toHaveLength(4);
  });

  test("is given up, and changes nothing, if the holders keep changing", async ({
    bench,
    expect,
  }) => {
    let holders = 0;
    const takeOver = async () => {
      await bench.redis.flushall();
      await bench.ledger.dispatch([job(`holder${++holders}`, { dedupe })]);
    };
    const { ledger, sent } = await signing(bench, takeOver);
    await expect(ledger.dispatch([job("x", { dedupe })])).rejects.toMatchObject({
      code: "state_conflict",
    });
    expect(sent).toHaveLength(5);
    expect(Object.keys((await bench.state()).jobs)).toEqual(["holder5"]);
  });
});
