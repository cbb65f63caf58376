/** Real subscriber processes on a Cluster of three masters, each of which has one of the queues. */
import { afterAll, beforeAll, beforeEach, describe, type ExpectStatic, test } from "vitest";
import { type ClusterLedger, openClusterLedger } from "../../support/cluster-ledger.ts";
import { type GateServer, startGate } from "../../support/gate-server.ts";
import { job, jobs } from "../../support/ledger.ts";
import {
  masterOf,
  moveQueue,
  type RedisCluster,
  startRedisCluster,
} from "../../support/redis-cluster.ts";
import { spawnSubscriber } from "../../support/subscriber-process.ts";
import { until } from "../../support/until.ts";

/** On the second master, on the third, on the first. */
const queues = ["default", "a", "b"] as const;

let cluster: RedisCluster;
let bench: ClusterLedger;
let gate: GateServer;
beforeAll(async () => {
  cluster = await startRedisCluster();
  bench = await openClusterLedger(cluster);
  gate = await startGate();
});
afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
  await cluster.stop();
});
beforeEach(async () => {
  for (const queue of queues) await (await bench.at(queue)).flushall();
});

const spawn = (nodes: string) =>
  spawnSubscriber({ REDIS_URL: cluster.masters[0]?.url ?? "", SIGNALBOX_NODES: nodes });
const said = ({ lines }: { lines: readonly { msg: string }[] }, msg: string) =>
  lines.filter((line) => line.msg === msg).length;

/** No job is lost, no slot, and each result is stored once. */
async function audit(expect: ExpectStatic, ids: readonly string[]) {
  expect(await bench.problems()).toEqual([]);
  for (const queue of queues) expect((await bench.state(queue)).leases).toEqual([]);
  expect(await bench.unrecorded(queues)).toEqual(ids.toSorted());
}

describe("a subscriber of queues on all three masters", () => {
  test("runs the jobs of each once, batch after batch, and keeps all slots", async ({ expect }) => {
    expect(
      new Set(await Promise.all(queues.map((each) => masterOf(cluster.masters, each)))),
    ).toHaveLength(3);
    await using child = await spawn("1:2@default+a+b,2:2@a");
    const specs = queues.flatMap((queue) => jobs(20, `${queue}-`, { queue }));
    await bench.ledger.dispatch(specs);
    for (const { id, queue } of specs) {
      expect((await bench.ended(id, queue)).state).toBe("succeeded");
    }
    await until(async () => (await bench.state("a")).free.length === 4, { or: "the slots of a" });
    await audit(
      expect,
      specs.map(({ id }) => id),
    );
    expect(said(child, "message could not be read; kept in the dead letters")).toBe(0);
    expect(said(child, "attempt succeeded")).toBe(60);
  });

  test("runs what is for one node, and what is due, when it is due", async ({ expect }) => {
    await using child = await spawn("1@default+a+b,2@b");
    const named = job("named", { node: "2", queue: "b" });
    const delayed = job("delayed", { queue: "a", start: { inMs: 300 } });
    const answers = await bench.ledger.dispatch([named, delayed]);
    expect(answers).toMatchObject([{ state: "running", node: "2" }, { state: "delayed" }]);
    expect(await bench.ended("named", "b")).toMatchObject({ state: "succeeded", node: "2" });
    expect(await bench.ended("delayed", "a")).toMatchObject({ state: "succeeded" });
    expect(said(child, "listening")).toBe(1);
    await audit(expect, ["named", "delayed"]);
  });

  test("stops a handler whose job is cancelled, and drains at SIGTERM", async ({ expect }) => {
    await using child = await spawn("1@default+a+b");
    const payload = { url: gate.url };
    await bench.ledger.dispatch([
      job("stopped", { name: "gate", queue: "b", payload }),
      job("ends", { name: "gate", queue: "a", payload }),
    ]);
    const ends = await gate.arrival("ends");
    await gate.arrival("stopped");
    expect(await bench.ledger.cancel("b", "stopped")).toMatchObject({ kind: "stopping" });
    expect((await bench.ended("stopped", "b")).state).toBe("cancelled");
    child.kill("SIGTERM");
    await child.says("draining: taking no more jobs, ending those that run");
    ends.release();
    expect(await child.exited).toBe(0);
    expect((await bench.ended("ends", "a")).state).toBe("succeeded");
    for (const queue of queues) expect((await bench.state(queue)).nodes).toEqual({});
    await audit(expect, ["stopped", "ends"]);
  });

  test("runs a bare id once, whichever master it is published at", async ({ expect }) => {
    await using child = await spawn("1@default+a+b,2@a");
    for (const [at, queue] of queues.entries()) {
      await (await bench.at(queue)).publish("CHANNEL_DISPATCH_1", `bare-${at}`);
      await (await bench.at(queue)).publish("CHANNEL_DISPATCH_2", `other-${at}`);
    }
    await child.says("bare id done", { count: 6 });
    await bench.ledger.dispatch(queues.map((queue) => job(`after-${queue}`, { queue })));
    for (const queue of queues) await bench.ended(`after-${queue}`, queue);
    expect(said(child, "bare id done")).toBe(6);
    await audit(
      expect,
      queues.map((queue) => `after-${queue}`),
    );
  });

  test("leaves alone what another process serves with the same node, and gives back what none does", async ({
    expect,
  }) => {
    await using one = await spawn("1@default+a");
    await using two = await spawn("1@b");
    const nobody = job("nobody", { queue: "south", node: "1" }); // on the master of `default`
    await bench.ledger.dispatch([...jobs(20, "j", { queue: "b" }), nobody]);
    for (let at = 1; at <= 20; at++) await bench.ended(`j${at}`, "b");
    await until(
      async () => {
        const given = await bench.ledger.read("south", "nobody");
        return given?.state === "queued" && given.deliveries === 1;
      },
      { or: "the job that nobody serves to be given back" },
    );
    expect(said(two, "attempt succeeded")).toBe(20);
    for (const child of [one, two]) {
      expect(said(child, "message could not be read; kept in the dead letters")).toBe(0);
    }
  });
});

test("a subscriber whose queue is moved to another master drains, and must be started again", async ({
  expect,
}) => {
  const moving = "c"; // on the second master at first
  await using child = await spawn(`1@default+${moving}`);
  await bench.ledger.dispatch([job("before", { queue: moving })]);
  await bench.ended("before", moving);
  await moveQueue(cluster.masters, moving, 0);
  await bench.ledger.dispatch([job("after", { queue: moving })]);
  expect(await child.exited).toBe(1);
  await using next = await spawn(`1@default+${moving}`);
  expect((await bench.ended("after", moving)).state).toBe("succeeded");
  await next.says("attempt succeeded", { id: "after" });
});
