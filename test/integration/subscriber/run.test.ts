import { afterAll, beforeAll, describe, test } from "vitest";
import * as z from "zod";
import type { ResultMessage } from "../../../protocol/wire/messages.ts";
import type { Stored } from "../../../protocol/wire/record.ts";
import { job, jobs } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

function messageOf(stored: Stored): ResultMessage {
  return JSON.parse(stored.ended?.text ?? "null") as ResultMessage;
}

describe("a subscriber", () => {
  test("runs a job straight from the message", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({
      url: server.url,
      handlers: {
        echo: (payload, { id, node, queue, attempt }) => ({ payload, id, node, queue, attempt }),
      },
    });
    const [answer] = await bench.ledger.dispatch([job("a", { payload: { x: [1, "ü"] } })]);
    expect(answer).toMatchObject({ state: "running", node: "1", delivered: true });
    const stored = await bench.ended("a");
    expect(messageOf(stored)).toMatchObject({
      v: 1,
      id: "a",
      name: "echo",
      queue: "default",
      node: "1",
      attempt: 1,
      state: "succeeded",
      token: `${stored.accepted}.1`,
      result: { payload: { x: [1, "ü"] }, id: "a", node: "1", queue: "default", attempt: 1 },
    });
    expect(messageOf(stored).durationMs).toBeGreaterThan(0);
    await running.event("attempt:ended");
    expect(await bench.problems()).toEqual([]);
  });

  test("runs 1,000 jobs over three nodes, each exactly once", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const runs = new Map<string, number>();
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_NODES: "1,2,3", SIGNALBOX_SLOTS: "7" },
      handlers: {
        echo: (payload, { id }) => {
          runs.set(id, (runs.get(id) ?? 0) + 1);
          return payload;
        },
      },
    });
    const specs = jobs(1_000, "j", { payload: "p" });
    await bench.ledger.dispatch(specs);
    await bench.allEnded(specs);
    await running.event("attempt:ended", { count: 1_000 });
    expect(runs.size).toBe(1_000);
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
    const nodes = new Set(running.seen("attempt:started").map(({ node }) => node));
    expect([...nodes].toSorted()).toEqual(["1", "2", "3"]);
    expect(await bench.problems()).toEqual([]);
    expect((await bench.state()).free).toHaveLength(21);
  });

  test("never runs more concurrently than its nodes have slots", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const now = new Map<string, number>();
    let most = 0;
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_NODES: "1:2,2:3" },
      handlers: {
        echo: async (_, { node }) => {
          now.set(node, (now.get(node) ?? 0) + 1);
          if ((now.get(node) ?? 0) > (node === "1" ? 2 : 3)) most++;
          await new Promise(setImmediate);
          now.set(node, (now.get(node) ?? 0) - 1);
          return null;
        },
      },
    });
    const specs = [...jobs(100), ...jobs(50, "own", { node: "1" })];
    await bench.ledger.dispatch(specs);
    await bench.allEnded(specs);
    await running.event("attempt:ended", { count: 150 });
    expect(most).toBe(0);
    expect(await bench.problems()).toEqual([]);
  });

  test("takes the backlog, in order, as slots become free", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const order: string[] = [];
    await bench.ledger.dispatch(jobs(30));
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_SLOTS: "1" },
      handlers: { echo: (_, { id }) => order.push(id) },
    });
    await running.event("attempt:ended", { count: 30 });
    await bench.allEnded(jobs(30));
    expect(order).toEqual(jobs(30).map(({ id }) => id));
  });

  test("runs a job that was named for it while it was stopped", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using other = await runSubscriber({ url: server.url, env: { SIGNALBOX_NODES: "1" } });
    const [answer] = await bench.ledger.dispatch([job("own", { node: "2" })]);
    expect(answer).toMatchObject({ state: "queued", node: "2", delivered: false });
    await using running = await runSubscriber({ url: server.url, env: { SIGNALBOX_NODES: "2" } });
    expect((await bench.ended("own")).ended).toMatchObject({ state: "succeeded", node: "2" });
    expect(other.seen("attempt:started")).toEqual([]);
    expect(running.seen("attempt:started")).toHaveLength(1);
  });

  test("runs what was dispatched while it was stopped", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const specs = [...jobs(40), ...jobs(40, "q", { queue: "other" })];
    await bench.ledger.dispatch(specs);
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_NODES: "1,2", SIGNALBOX_QUEUES: "default,other", SIGNALBOX_SLOTS: "3" },
    });
    await bench.allEnded(specs);
    await running.event("attempt:ended", { count: 80 });
    expect(running.seen("attempt:started")).toHaveLength(80);
    expect(await bench.problems()).toEqual([]);
  });

  test("runs once an id that is dispatched twice concurrently", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using second = await openRealLedger(server.url, { empty: false });
    await using running = await runSubscriber({ url: server.url });
    for (let round = 0; round < 20; round++) {
      const spec = job(`twice${round}`, { payload: { round } });
      const answers = await Promise.all(
        [bench, second].map(({ ledger }) => ledger.dispatch([spec])),
      );
      const duplicates = answers.flat().map((each) => each.kind === "accepted" && each.duplicate);
      expect(duplicates.toSorted()).toEqual([false, true]);
    }
    await running.event("attempt:ended", { count: 20 });
    await bench.ended("twice19");
    expect(running.seen("attempt:started")).toHaveLength(20);
  });

  test("runs what was delayed while it was stopped", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await bench.ledger.dispatch([job("delayed", { start: { inMs: 200 } })]);
    await using running = await runSubscriber({ url: server.url });
    expect((await bench.ended("delayed")).state).toBe("succeeded");
    await running.event("attempt:ended");
  });

  test("leaves a job to the process that serves its queue with the same node", async ({
    expect,
  }) => {
    await using bench = await openRealLedger(server.url);
    const of = (queue: string) => ({ url: server.url, env: { SIGNALBOX_NODES: `1@${queue}` } });
    await using other = await runSubscriber(of("b"));
    await using running = await runSubscriber(of("a"));
    for (let round = 0; round < 20; round++) {
      await bench.ledger.dispatch([job(`j${round}`, { queue: "a" })]);
      expect(await bench.ended(`j${round}`, "a")).toMatchObject({ state: "succeeded", errors: [] });
    }
    await running.event("attempt:ended", { count: 20 });
    expect(other.seen("message:unreadable")).toEqual([]);
    expect(await bench.problems()).toEqual([]);
  });

  test("tries a named job again as soon as its busy node has a slot", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_NODES: "1:1,2:1" },
      handlers: { echo: () => null, hold: () => gate },
    });
    await bench.ledger.dispatch([job("busy", { name: "hold", node: "1" })]);
    await bench.ledger.dispatch([job("own", { node: "1" })]);
    await running.event("attempt:started");
    release();
    expect((await bench.ended("own")).ended?.node).toBe("1");
    await running.event("attempt:ended", { count: 2 });
    expect(await bench.problems()).toEqual([]);
  });
});

describe("an attempt that fails", () => {
  const failing = async (
    handlers: Parameters<typeof runSubscriber>[0]["handlers"],
    more: Parameters<typeof job>[1] = {},
    options: Partial<Parameters<typeof runSubscriber>[0]> = {},
  ) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({
      url: server.url,
      ...(handlers === undefined ? {} : { handlers }),
      ...options,
    });
    await bench.ledger.dispatch([job("a", { attempts: 1, ...more })]);
    const message = messageOf(await bench.ended("a"));
    await running.event("attempt:ended");
    const problems = await bench.problems();
    return { ...message, problems, seen: running.seen("attempt:ended") };
  };
  const catalog = {
    echo: { payload: z.object({ n: z.number() }), result: z.object({ n: z.number() }) },
  };

  test("for a payload that the catalogue does not allow", async ({ expect }) => {
    let ran = false;
    const handlers = { echo: () => (ran = true) };
    const failed = await failing(handlers, { payload: { n: "one" } }, { catalog });
    expect(failed).toMatchObject({ state: "failed", problems: [] });
    expect(failed.error).toMatchObject({ code: "payload_invalid", retryable: false });
    expect(failed.error?.message).toContain("at n");
    expect(ran).toBe(false);
  });

  test("for a result that the catalogue does not allow", async ({ expect }) => {
    const handlers = { echo: () => ({ n: "one" }) };
    const failed = await failing(handlers, { payload: { n: 1 } }, { catalog });
    expect(failed.error).toMatchObject({ code: "result_invalid", retryable: false });
  });

  test("if there is no handler", async ({ expect }) => {
    for (const name of ["absent", "toString", "constructor"]) {
      const failed = await failing(undefined, { name });
      expect(failed.error).toMatchObject({ code: "no_handler", retryable: true });
    }
  });

  test("with the code and the retryability that the handler gave", async ({ expect }) => {
    const error = Object.assign(new Error("no such page"), { code: "gone", retryable: false });
    const failed = await failing({ echo: () => Promise.reject(error) });
    expect(failed.error).toEqual({
      code: "gone",
      message: "Error: no such page",
      retryable: false,
    });
    expect(failed.seen[0]).toMatchObject({ state: "failed", code: "gone" });
  });

  test("for a result that is too large, and says where to put it", async ({ expect }) => {
    const env = { SIGNALBOX_MAX_RESULT_BYTES: "100" };
    const failed = await failing({ echo: () => "ü".repeat(60) }, {}, { env });
    expect(failed.error).toMatchObject({ code: "result_too_large", retryable: false });
    expect(failed.error?.message).toMatch(/at most 100 bytes.*got 122/);
  });

  test("for a result that is not JSON", async ({ expect }) => {
    const failed = await failing({ echo: () => 1n });
    expect(failed.error).toMatchObject({ code: "result_not_json", retryable: false });
  });

  test("whatever it throws, and the subscriber goes on", async ({ expect }) => {
    const thrown: unknown = Object.create(null);
    const failed = await failing({
      echo: () => {
        throw thrown as Error;
      },
    });
    expect(failed).toMatchObject({ state: "failed", problems: [] });
  });

  test("at its time-out: its signal aborts and its slot is free", async ({ expect }) => {
    let reason: unknown;
    const handlers = {
      echo: (_: unknown, { signal }: { signal: AbortSignal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            resolve("too late");
          });
        }),
    };
    const failed = await failing(handlers, { timeoutMs: 30 });
    expect(failed.error).toMatchObject({ code: "timeout", retryable: true });
    expect(reason).toBe("timeout");
    expect(failed.problems).toEqual([]);
  });
});

describe("a handler that does not obey its signal", () => {
  test("loses its slot at the time-out and is reported", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_SLOTS: "1" },
      handlers: { echo: () => "next", unresponsive: () => gate },
    });
    await bench.ledger.dispatch([
      job("hangs", { name: "unresponsive", timeoutMs: 30, attempts: 1 }),
      job("next"),
    ]);
    expect((await bench.ended("hangs")).state).toBe("failed");
    expect((await bench.ended("next")).state).toBe("succeeded");
    await running.event("attempt:unresponsive", { where: ({ id }) => id === "hangs" });
    release();
    const before = messageOf(await bench.ended("hangs"));
    await bench.ledger.dispatch([job("marker")]);
    await bench.ended("marker");
    expect(messageOf(await bench.ended("hangs"))).toEqual(before);
    await until(async () => (await bench.state()).free.length === 1, { or: "the slot to be free" });
    expect(await bench.problems()).toEqual([]);
  });
});
