import { describe } from "vitest";
import { decodeDispatch } from "../../../protocol/wire/messages.ts";
import { type Ear, ended, job, jobs, taking, test } from "../../support/ledger.ts";

describe("dispatch to any node", () => {
  test("sends the whole envelope to a node with a free slot", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    const payload = { text: "grüße, 世界 \u2028", list: [], big: 12345678901234567000 };
    const [answer] = await bench.ledger.dispatch([
      job("a", { name: "host.metrics", payload, attempts: 5, timeoutMs: 1_000 }),
    ]);
    await ear.settled();
    expect(answer).toEqual({
      kind: "accepted",
      id: "a",
      queue: "default",
      state: "running",
      node: "1",
      delivered: true,
      duplicate: false,
    });
    expect(ear.envelopes()).toEqual([
      {
        v: 1,
        queue: "default",
        node: "1",
        token: `${bench.clock.now()}-0.1`,
        attempt: 1,
        id: "a",
        name: "host.metrics",
        attempts: 5,
        timeoutMs: 1_000,
        payload,
      },
    ]);
  });

  test("lets jobs wait in the order of their dispatch", async ({ bench, expect }) => {
    const [answer] = await bench.ledger.dispatch([job("a")]);
    await bench.ledger.dispatch(jobs(3));
    expect(answer).toMatchObject({ state: "queued", node: null, delivered: false });
    expect((await bench.state()).backlog).toEqual(["a", "j1", "j2", "j3"]);
  });

  test("goes to the node that has been idle longest", async ({ bench, expect }) => {
    for (const node of ["1", "2", "3"]) await bench.connect(node, 1);
    const answers = await bench.ledger.dispatch(jobs(3));
    expect(answers.map((answer) => answer.kind === "accepted" && answer.node)).toEqual([
      "1",
      "2",
      "3",
    ]);
  });

  test("goes to another node if nobody listens on the first", async ({ bench, expect }) => {
    const { ear: gone } = await bench.connect("1", 2);
    await bench.connect("2", 2);
    await gone.close();
    const [answer] = await bench.ledger.dispatch([job("a")]);
    const state = await bench.state();
    expect(answer).toMatchObject({ state: "running", node: "2" });
    expect(state.free).toEqual(["2"]);
    expect(state.nodes["1"]).toMatch(/^\d+ 2 0 /);
  });

  test("waits if nobody listens on any node", async ({ bench, expect }) => {
    for (const node of ["1", "2"]) await (await bench.connect(node, 2)).ear.close();
    const answers = await bench.ledger.dispatch(jobs(5));
    const state = await bench.state();
    expect(answers.every((each) => each.kind === "accepted" && !each.delivered)).toBe(true);
    expect(state.backlog.toSorted()).toEqual(["j1", "j2", "j3", "j4", "j5"]);
    expect(state.free).toEqual([]);
  });

  test("keeps the order of a batch if nobody listens", async ({ bench, expect }) => {
    for (const node of ["1", "2"]) await (await bench.connect(node, 2)).ear.close();
    // The slots are in the order 1 1 2 2; move one of node 1 to the end.
    await bench.redis.rpush(bench.keys.free, "1");
    await bench.redis.lpop(bench.keys.free);
    await bench.ledger.dispatch(jobs(5));
    expect((await bench.state()).backlog).toEqual(["j1", "j2", "j3", "j4", "j5"]);
  });

  test("of 1,000 jobs over three nodes sends each node one message", async ({ bench, expect }) => {
    const ears = [];
    for (const node of ["1", "2", "3"]) ears.push((await bench.connect(node, 4)).ear);
    const answers = await bench.ledger.dispatch(jobs(1_000));
    for (const ear of ears) {
      await ear.settled();
      expect(ear.heard).toHaveLength(2); // joined, and all its jobs
      expect(ear.envelopes()).toHaveLength(4);
    }
    expect(answers.filter((each) => each.kind === "accepted" && each.delivered)).toHaveLength(12);
    const { backlog } = await bench.state();
    expect(backlog).toEqual(
      jobs(1_000)
        .map(({ id }) => id)
        .slice(12),
    );
  });

  test("splits what is too large for one message", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 10);
    await bench.ledger.dispatch(jobs(10, "big", { payload: "x".repeat(200_000) }));
    await ear.settled();
    const sizes = ear.heard.map((text) => text.length).slice(1);
    expect(sizes).toHaveLength(5);
    expect(Math.max(...sizes)).toBeLessThan(524_288);
    expect(ear.envelopes().map(({ id }) => id)).toEqual(jobs(10, "big").map(({ id }) => id));
  });
});

describe("dispatch to a named node", () => {
  test("takes a slot of that node", async ({ bench, expect }) => {
    await bench.connect("1", 1);
    const { ear } = await bench.connect("2", 1);
    const [answer] = await bench.ledger.dispatch([job("a", { node: "2" })]);
    await ear.settled();
    expect(answer).toMatchObject({ state: "running", node: "2", delivered: true });
    expect(ear.envelopes()).toHaveLength(1);
  });

  test("waits for a busy node, which is told once that jobs wait", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.connect("2", 1);
    await bench.ledger.dispatch([job("a", { node: "1" })]);
    const answers = await bench.ledger.dispatch(jobs(2, "own", { node: "1" }));
    await ear.settled();
    expect(answers[0]).toMatchObject({ state: "queued", node: "1", delivered: false });
    const kinds = ear.heard.map((text) => decodeDispatch(text).kind);
    expect(kinds).toEqual(["joined", "jobs", "waiting"]);
    expect((await bench.state()).named.get("1")).toEqual(["own1", "own2"]);
  });

  test("waits for an unknown node", async ({ bench, expect }) => {
    const [answer] = await bench.ledger.dispatch([job("a", { node: "9" })]);
    const state = await bench.state();
    expect(answer).toMatchObject({ state: "queued", node: "9", delivered: false });
    expect(state.named.get("9")).toEqual(["a"]);
    expect(state.parked).toEqual(["9"]);
  });

  test("waits for a node that has joined but does not listen", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.connect("2", 2);
    await ear.close();
    const answers = await bench.ledger.dispatch(jobs(3, "own", { node: "1" }));
    const state = await bench.state();
    expect(answers.every((each) => each.kind === "accepted" && !each.delivered)).toBe(true);
    expect(state.named.get("1")).toEqual(["own1", "own2", "own3"]);
    expect(state.free).toEqual(["2", "2"]);
  });

  test("waits for a node that is already known to be gone", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await ear.close();
    await bench.ledger.dispatch([job("a", { node: "1" })]);
    await bench.ledger.dispatch([job("b", { node: "1" })]);
    expect((await bench.state()).named.get("1")).toEqual(["a", "b"]);
  });

  test("does not take a draining node for a foreign one", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 2);
    await bench.nodes.leave("default", { node: "1", epoch }, "draining");
    const [answer] = await bench.ledger.dispatch([job("a", { node: "1", name: "host.metrics" })]);
    await ear.settled();
    expect(ear.heard.map((text) => decodeDispatch(text).kind)).toEqual(["joined"]);
    expect(answer).toMatchObject({ state: "queued", delivered: false });
  });
});

describe("dispatch to a foreign node", () => {
  test("sends one job in each message, as a bare id if it has no content", async ({
    bench,
    expect,
  }) => {
    const ear = await bench.listen("7");
    const answers = await bench.ledger.dispatch([
      job("bare", { node: "7" }),
      job("full", { node: "7", payload: [1] }),
      job("null", { node: "7", payload: null }),
      job("named", { node: "7", name: "report" }),
    ]);
    await ear.settled();
    expect(answers[0]).toMatchObject({ state: "running", node: "7", delivered: true });
    expect(ear.heard[0]).toBe("bare");
    expect(ear.envelopes().map(({ id, payload }) => [id, payload])).toEqual([
      ["full", [1]],
      ["null", null],
      ["named", undefined],
    ]);
  });

  test("sends no bare id for a queue other than the default", async ({ bench, expect }) => {
    const ear = await bench.listen("7", "other");
    await bench.ledger.dispatch([job("a", { node: "7", queue: "other" })]);
    await ear.settled();
    expect(ear.envelopes().map(({ id, queue }) => [id, queue])).toEqual([["a", "other"]]);
  });
});

describe("dispatch of an id that is known", () => {
  test("answers the same again and makes no second job", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    const spec = job("a", { payload: { x: 1, y: 2 } });
    await bench.ledger.dispatch([spec]);
    const [again] = await bench.ledger.dispatch([spec]);
    const [reordered] = await bench.ledger.dispatch([job("a", { payload: { y: 2, x: 1 } })]);
    await ear.settled();
    expect(again).toMatchObject({ state: "running", node: "1", delivered: true, duplicate: true });
    expect(reordered).toEqual(again);
    expect(ear.envelopes()).toHaveLength(1);
  });

  test.for([
    ["payload", { payload: { x: 2 } }],
    ["no payload", {}],
    ["name", { name: "other", payload: { x: 1 } }],
    ["node", { node: "1", payload: { x: 1 } }],
    ["attempts", { attempts: 2, payload: { x: 1 } }],
    ["time-out", { timeoutMs: 5, payload: { x: 1 } }],
  ] as const)("is a conflict with other content: %s", async ([, more], { bench, expect }) => {
    await bench.ledger.dispatch([job("a", { payload: { x: 1 } })]);
    const before = await bench.state();
    const answers = await bench.ledger.dispatch([job("a", more)]);
    expect(answers).toEqual([{ kind: "conflict", id: "a", queue: "default" }]);
    expect(await bench.state()).toEqual(before);
  });

  test("within one batch is one job with the same content, and a conflict with other content", async ({
    bench,
    expect,
  }) => {
    const { ear } = await bench.connect("1", 5);
    const answers = await bench.ledger.dispatch([
      job("a", { payload: 1 }),
      job("a", { payload: 1 }),
      job("a", { payload: 2 }),
    ]);
    await ear.settled();
    expect(answers.map((each) => each.kind)).toEqual(["accepted", "accepted", "conflict"]);
    expect(answers[1]).toMatchObject({ duplicate: true, state: "running", node: "1" });
    expect(ear.envelopes()).toHaveLength(1);
  });

  test("tells the state of a job that has ended", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch([job("a")]);
    await ear.settled();
    const endings = ear.envelopes().map((each) => ended(each, "failed"));
    await bench.nodes.finish("default", endings, taking("1"));
    const [again] = await bench.ledger.dispatch([job("a")]);
    expect(again).toMatchObject({ state: "failed", node: "1", delivered: true, duplicate: true });
  });

  test("is another job in another queue", async ({ bench, expect }) => {
    const specs = [job("a"), job("a", { queue: "other", payload: 2 })];
    const answers = await bench.ledger.dispatch(specs);
    expect(answers.map((each) => each.kind)).toEqual(["accepted", "accepted"]);
    expect(answers.map(({ queue }) => queue)).toEqual(["default", "other"]);
  });
});

describe("dispatch into several queues", () => {
  test("answers in the order of the call and registers the queues", async ({ bench, expect }) => {
    await bench.connect("1", 1, "b");
    const specs = [
      job("x", { queue: "b" }),
      job("y"),
      job("z", { queue: "a" }),
      job("w", { queue: "b" }),
    ];
    const answers = await bench.ledger.dispatch(specs);
    expect(answers.map(({ id, queue }) => [id, queue])).toEqual([
      ["x", "b"],
      ["y", "default"],
      ["z", "a"],
      ["w", "b"],
    ]);
    expect(answers.map((each) => each.kind === "accepted" && each.state)).toEqual([
      "running",
      "queued",
      "queued",
      "queued",
    ]);
    expect((await bench.ledger.queues()).toSorted()).toEqual(["a", "b", "default"]);
  });

  test("counts the slots of a node separately in each queue", async ({ bench, expect }) => {
    const heard = async ({ ear }: { ear: Ear }, queue: string) => {
      await ear.settled();
      return ear.envelopes().flatMap((each) => (each.queue === queue ? each.id : []));
    };
    const [a, b] = [await bench.connect("1", 1, "a"), await bench.connect("1", 1, "b")];
    await bench.ledger.dispatch([...jobs(2, "a", { queue: "a" }), ...jobs(2, "b", { queue: "b" })]);
    expect([await heard(a, "a"), await heard(b, "b")]).toEqual([["a1"], ["b1"]]);
  });
});
