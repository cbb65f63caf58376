/** How much memory jobs take in Redis, and whether a long backlog makes anything slower. */
import type { Envelope } from "../../protocol/wire/messages.ts";
import { type Bench, jobsOf, type Setting } from "../bench.ts";
import { compare, fill, plainJobs } from "../compare.ts";
import { type ContenderName, queueNames } from "../contender.ts";
import { openLedger, timed } from "../direct-ledger.ts";
import { startStation, succeeded } from "../fake-node.ts";
import { startBenchRedis } from "../redis-server.ts";
import { atMost, type Row } from "../row.ts";
import { startSides } from "../sides.ts";

export const memory: Bench = {
  name: "memory",
  run: async (setting) => [...(await bytesPerJob(setting)), ...(await longBacklog(setting))],
};

async function bytesPerJob(setting: Setting): Promise<readonly Row[]> {
  await using server = await startBenchRedis("none");
  /** Measured after the processes have closed, so that it includes data only and no connections. */
  const bytesOf = async (contender: ContenderName, slots: readonly number[], jobs: number) => {
    await server.redis.flushall();
    const before = await server.usedBytes();
    {
      const consumers = slots.map((each) => ({ slots: each, jobMs: 0 }));
      await using sides = await startSides(contender, {
        url: server.url,
        hears: false,
        consumers,
      });
      const burst = { jobs, size: 1_000 };
      if (slots.length > 0) await sides.run({ kind: "batches", ...burst });
      else await sides.caller.ask({ kind: "run", workload: { kind: "fill", ...burst } }, "ran");
    }
    return ((await server.usedBytes()) - before) / jobs;
  };
  const rowOf = async (label: string, slots: readonly number[], full: number): Promise<Row> => {
    const jobs = jobsOf(setting, full, 100);
    const values: Record<string, readonly number[]> = {};
    for (const contender of queueNames) {
      values[contender] = [await bytesOf(contender, slots, jobs)];
      setting.say(`${label}: ${contender}`);
    }
    return { bench: "memory", label, unit: "bytes", persistence: null, values, targets: [] };
  };
  return [
    { ...(await rowOf("a waiting job", [], 20_000)), targets: [atMost(0.6, "bullmq")] },
    await rowOf("a finished job, with its result", [100], 10_000),
  ];
}

/** Two queues in one Redis, one with 1,000 waiting jobs and one with a million, measured in turn. */
async function longBacklog(setting: Setting): Promise<readonly Row[]> {
  await using server = await startBenchRedis("none");
  using direct = await openLedger(server.url);
  const many = jobsOf(setting, 1_000_000, 1_000);
  const few = jobsOf(setting, 1_000, 100);
  const waiting = { "1,000 waiting": "short", "1,000,000 waiting": "long" };
  await using station = await startStation(server.url, direct.nodes);
  await fill(direct.ledger, waiting["1,000 waiting"], few);
  await fill(direct.ledger, waiting["1,000,000 waiting"], many);
  setting.say(`${many} jobs wait`);
  /** The jobs that run in the 100 slots of each queue. */
  const running = new Map<string, readonly Envelope[]>();
  for (const queue of Object.values(waiting)) {
    await station.join(queue, [{ node: "1", slots: 100 }]);
    running.set(queue, await station.take(queue, 100));
  }
  const use = { nodes: [{ node: "1", mode: "take", waiting: false }], wasBusy: true } as const;
  const finish = async (queue: string) => {
    const endings = (running.get(queue) ?? []).map(succeeded);
    const { next } = await direct.nodes.finish(queue, endings, use);
    running.set(
      queue,
      next.map((text) => JSON.parse(text) as Envelope),
    );
  };
  const compared = await compare(waiting, jobsOf(setting, 400, 5), {
    "dispatch of 1 that waits": (queue) => timed(() => direct.ledger.dispatch(plainJobs(queue, 1))),
    "dispatch of 100 that wait": (queue) =>
      timed(() => direct.ledger.dispatch(plainJobs(queue, 100))),
    "finish of 100 that fetches 100": (queue) => timed(() => finish(queue)),
  });
  return compared.map(({ label, values }) => ({
    bench: "memory",
    label,
    unit: "ms",
    persistence: null,
    values,
    targets: [atMost(1.2, "1,000 waiting", "1,000,000 waiting")],
  }));
}
