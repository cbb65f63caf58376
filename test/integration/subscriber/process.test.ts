import { afterAll, beforeAll, describe, test } from "vitest";
import type { JobSpec } from "../../../protocol/wire/job.ts";
import { type GateServer, startGate } from "../../support/gate-server.ts";
import { job, jobs } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { spawnSubscriber } from "../../support/subscriber-process.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
let gate: GateServer;
beforeAll(async () => {
  server = await startRedisServer();
  gate = await startGate();
});
afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await server.stop();
});

const spawn = (env: Readonly<Record<string, string>> = {}, more: { early?: boolean } = {}) =>
  spawnSubscriber({ REDIS_URL: server.url, ...env }, more);

function gated(id: string, more: Partial<JobSpec> = {}, ignoresSignal = false): JobSpec {
  return job(id, { name: "gate", payload: { url: gate.url, ignoresSignal }, ...more });
}

describe("SIGTERM", () => {
  test("lets running jobs end, takes no more and exits with 0", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn({ SIGNALBOX_SLOTS: "1" });
    await bench.ledger.dispatch([gated("drain-runs"), job("waits")]);
    const arrival = await gate.arrival("drain-runs");
    child.kill("SIGTERM");
    await child.says("draining: taking no more jobs, ending those that run");
    await until(async () => (await bench.state()).nodes["1"]?.split(" ")[2] === "2", {
      or: "the node to be marked as draining",
    });
    const [answer] = await bench.ledger.dispatch([job("late")]);
    expect(answer).toMatchObject({ delivered: false });
    arrival.release("done");
    expect(await child.exited).toBe(0);
    const state = await bench.state();
    expect((await bench.ledger.read("default", "drain-runs"))?.state).toBe("succeeded");
    expect(state.backlog).toEqual(["waits", "late"]);
    expect([state.nodes, state.free, state.leases]).toEqual([{}, [], []]);
    expect(child.stderr()).toBe("");
  });

  test("exits immediately if nothing runs", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    expect((await bench.state()).nodes).toEqual({});
  });

  test("twice aborts the handlers, gives the jobs back and exits with 1", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn();
    await bench.ledger.dispatch([gated("back1"), gated("back2", {}, true)]);
    const [obeys, ignores] = [await gate.arrival("back1"), await gate.arrival("back2")];
    child.kill("SIGTERM");
    await child.says("draining: taking no more jobs, ending those that run");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(1);
    await until(() => obeys.hasLeft() && ignores.hasLeft(), { or: "the handlers to be gone" });
    const state = await bench.state();
    expect(state.backlog.toSorted()).toEqual(["back1", "back2"]);
    expect(state.leases).toEqual([]);
    const job1 = await bench.ledger.read("default", "back1");
    expect(job1).toMatchObject({ state: "queued", attemptsUsed: 0 });
  });

  test("gives the jobs back when the grace has passed", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn({ SIGNALBOX_DRAIN_MS: "50" });
    await bench.ledger.dispatch([gated("grace")]);
    await gate.arrival("grace");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(1);
    expect((await bench.state()).backlog).toEqual(["grace"]);
  });

  test("has a job that is given back sent to another subscriber immediately", async ({
    expect,
  }) => {
    await using bench = await openRealLedger(server.url);
    await using child = await spawn({ SIGNALBOX_DRAIN_MS: "50" });
    await bench.ledger.dispatch([gated("passed-on")]);
    await gate.arrival("passed-on");
    await using other = await spawn({ SIGNALBOX_NODES: "2" });
    child.kill("SIGTERM");
    const second = await gate.arrival("passed-on", 2);
    expect(second).toMatchObject({ node: "2", pid: other.pid, attempt: 1 });
    second.release();
    expect((await bench.ended("passed-on")).ended?.node).toBe("2");
    expect(await child.exited).toBe(1);
    expect(await bench.problems()).toEqual([]);
  });
});

describe("a process that is killed", () => {
  test("loses its job to a busy neighbour once the lease has ended", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using doomed = await spawn({ SIGNALBOX_NODES: "1" });
    await bench.ledger.dispatch([gated("killed")]);
    await gate.arrival("killed");
    await using other = await spawn({ SIGNALBOX_NODES: "2" });
    await bench.ledger.dispatch([gated("keeps-busy", { node: "2" })]);
    const busy = await gate.arrival("keeps-busy");
    doomed.kill("SIGKILL");
    expect(await doomed.exited).toBe("SIGKILL");
    const again = await gate.arrival("killed", 2);
    expect(again).toMatchObject({ node: "2", pid: other.pid });
    for (const each of [again, busy]) each.release();
    expect((await bench.ended("killed")).state).toBe("succeeded");
    await bench.ended("keeps-busy");
    expect(await bench.problems()).toEqual([]);
  });

  test("loses its job to an idle neighbour once the lease has ended", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using doomed = await spawn({ SIGNALBOX_NODES: "1" });
    await using other = await spawn({ SIGNALBOX_NODES: "2" });
    await bench.ledger.dispatch([gated("alone", { attempts: 5 })]);
    const first = await gate.arrival("alone");
    const [victim, heir] = first.pid === doomed.pid ? [doomed, other] : [other, doomed];
    victim.kill("SIGKILL");
    await victim.exited;
    const again = await gate.arrival("alone", 2);
    expect(again.pid).toBe(heir.pid);
    again.release();
    expect((await bench.ended("alone")).state).toBe("succeeded");
    expect(await bench.problems()).toEqual([]);
  });

  test("loses a job that it never acknowledged to an idle neighbour", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using doomed = await spawn({ SIGNALBOX_NODES: "1" });
    await using other = await spawn({ SIGNALBOX_NODES: "2" });
    doomed.kill("SIGSTOP"); // its connection stays open, and nothing reads from it
    const [sent] = await bench.ledger.dispatch([gated("unacknowledged")]);
    expect(sent).toMatchObject({ node: "1", delivered: true });
    const arrival = await gate.arrival("unacknowledged");
    expect(arrival).toMatchObject({ node: "2", pid: other.pid, attempt: 1 });
    arrival.release();
    expect((await bench.ended("unacknowledged")).state).toBe("succeeded");
    expect(await bench.problems()).toEqual([]);
  });

  test("leaves its jobs to the next process of the same name", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using doomed = await spawn();
    await bench.ledger.dispatch([gated("heir", { node: "1" })]);
    await gate.arrival("heir");
    doomed.kill("SIGKILL");
    await doomed.exited;
    await using next = await spawn();
    const again = await gate.arrival("heir", 2);
    expect(again.pid).toBe(next.pid);
    again.release();
    await bench.ended("heir");
    expect(await bench.problems()).toEqual([]);
  });
});

describe("two processes side by side", () => {
  test("share the jobs where their nodes differ", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using one = await spawn({ SIGNALBOX_NODES: "1,2", SIGNALBOX_SLOTS: "5" });
    await using two = await spawn({ SIGNALBOX_NODES: "3", SIGNALBOX_SLOTS: "5" });
    const specs = jobs(500, "share", { payload: 1 });
    await bench.ledger.dispatch(specs);
    await bench.allEnded(specs);
    const started = [one, two].map((each) => {
      return new Set(each.lines.filter((l) => l.msg === "attempt started").map((l) => l.id));
    });
    await until(() => one.lines.length + two.lines.length >= 1_000, { or: "both logs" });
    expect(started.every((ids) => ids.size > 0)).toBe(true);
    expect((started[0]?.size ?? 0) + (started[1]?.size ?? 0)).toBe(500);
    expect(await bench.problems()).toEqual([]);
    for (const each of [one, two]) each.kill("SIGTERM");
    expect([await one.exited, await two.exited]).toEqual([0, 0]);
    expect((await bench.state()).nodes).toEqual({});
  });

  test("with the same nodes: the later takes over, the earlier drains", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const env = { SIGNALBOX_NODES: "1,2,3", SIGNALBOX_SLOTS: "2" };
    await using earlier = await spawn(env);
    const held = ["1", "2", "3"].map((node) => gated(`over${node}`, { node }));
    await bench.ledger.dispatch(held);
    const arrivals = await Promise.all(held.map(({ id }) => gate.arrival(id)));
    await using later = await spawn(env);
    await earlier.says("draining: taking no more jobs, ending those that run");
    const specs = jobs(60, "after", { payload: 1 });
    await bench.ledger.dispatch(specs);
    await bench.allEnded(specs);
    for (const arrival of arrivals) arrival.release();
    expect(await earlier.exited).toBe(0);
    await bench.allEnded([...specs, ...held]);
    expect(gate.arrivals.filter(({ id }) => id.startsWith("over"))).toHaveLength(3);
    expect(later.lines.filter(({ msg }) => msg === "attempt started")).toHaveLength(60);
    await until(async () => (await bench.state()).leases.length === 0, { or: "no lease" });
    expect(await bench.problems()).toEqual([]);
    expect((await bench.state()).free).toHaveLength(6);
  });

  test("in a rolling restart lose nothing and keep all slots", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const env = { SIGNALBOX_NODES: "1,2", SIGNALBOX_SLOTS: "3" };
    await using earlier = await spawn(env);
    await bench.ledger.dispatch([gated("roll1", { node: "1" }), gated("roll2", { node: "2" })]);
    const arrivals = [await gate.arrival("roll1"), await gate.arrival("roll2")];
    earlier.kill("SIGTERM");
    await earlier.says("draining: taking no more jobs, ending those that run");
    await until(async () => (await bench.state()).nodes["2"]?.split(" ")[2] === "2", {
      or: "the nodes to be marked as draining",
    });
    await using later = await spawn(env);
    const specs = jobs(200, "rolled");
    await bench.ledger.dispatch(specs);
    await bench.allEnded(specs);
    for (const arrival of arrivals) arrival.release();
    expect(await earlier.exited).toBe(0);
    await bench.allEnded([...specs, gated("roll1"), gated("roll2")]);
    await later.says("attempt succeeded", { count: 200 });
    const taken = earlier.lines.filter(({ id }) => id?.startsWith("rolled") === true);
    expect(taken, "jobs of the successor that its predecessor ran too").toEqual([]);
    await until(async () => (await bench.state()).leases.length === 0, { or: "no lease" });
    expect(await bench.problems()).toEqual([]);
    expect((await bench.state()).free).toHaveLength(6);
  });

  test("keep a job for a node that drains, and do not take the node for a foreign one", async ({
    expect,
  }) => {
    await using bench = await openRealLedger(server.url);
    await using draining = await spawn({ SIGNALBOX_NODES: "1" });
    await using other = await spawn({ SIGNALBOX_NODES: "2" });
    await bench.ledger.dispatch([gated("holds", { node: "1" })]);
    const arrival = await gate.arrival("holds");
    draining.kill("SIGTERM");
    await until(async () => (await bench.state()).nodes["1"]?.split(" ")[2] === "2", {
      or: "node 1 to be marked as draining",
    });
    await bench.ledger.dispatch([job("for1", { node: "1", name: "gate" })]);
    await bench.ledger.dispatch([job("marker", { node: "2" })]);
    await bench.ended("marker");
    arrival.release();
    expect(await draining.exited).toBe(0);
    await other.says("attempt succeeded", { id: "marker" });
    expect((await bench.ledger.read("default", "for1"))?.state).toBe("queued");
  });
});

describe("a process that is misconfigured", () => {
  test("exits with 2 and says what is wrong", async ({ expect }) => {
    await using child = await spawn({ SIGNALBOX_NODES: "a,a" }, { early: true });
    expect(await child.exited).toBe(2);
    expect(child.stderr()).toBe(
      'SIGNALBOX_NODES: expected each node and queue once, got "a@default"\n',
    );
  });
});
