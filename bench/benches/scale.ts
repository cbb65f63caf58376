/** How cost grows with nodes, queues and schedules. The bench `memory` covers waiting jobs. */
import { tick } from "../../functions/tick.ts";
import { defaultNaming, queuesKey } from "../../protocol/redis/keys.ts";
import { defaultPlan, type ScheduleSpec } from "../../protocol/schedule/schedule.ts";
import { type Bench, jobsOf, type Setting } from "../bench.ts";
import { compare, type Compared, plainJobs } from "../compare.ts";
import { openLedger, timed } from "../direct-ledger.ts";
import { startStation, succeeded } from "../fake-node.ts";
import { startBenchRedis } from "../redis-server.ts";
import type { Row } from "../row.ts";
import { tickRest } from "./cost.ts";

export const scale: Bench = {
  name: "scale",
  run: async (setting) => {
    const compared = [
      ...(await withNodes(setting)),
      ...(await withQueues(setting)),
      ...(await withSchedules(setting)),
    ];
    const row = { bench: "scale", unit: "ms", persistence: null, targets: [] };
    return compared.map((each): Row => ({ ...row, ...each }));
  },
};

/** A queue that one node serves, and one that 1,000 serve. */
async function withNodes(setting: Setting): Promise<readonly Compared[]> {
  await using server = await startBenchRedis("none");
  using direct = await openLedger(server.url);
  await using station = await startStation(server.url, direct.nodes);
  const many = jobsOf(setting, 1_000, 10);
  await station.join("few", [{ node: "0", slots: 10 }]);
  await station.join(
    "many",
    Array.from({ length: many }, (_, at) => ({ node: String(at), slots: 10 })),
  );
  const finish = async (queue: string) => {
    const endings = (await station.take(queue, 1)).map(succeeded);
    return timed(() =>
      direct.nodes.finish(queue, endings, {
        nodes: endings.map(({ node }) => ({ node, mode: "take", waiting: false })),
        wasBusy: false,
      }),
    );
  };
  const subjects = { "1 of it": "few", [`${many} of it`]: "many" };
  return await compare(subjects, jobsOf(setting, 1_000, 5), {
    "nodes: dispatch of 1": (queue) => timed(() => direct.ledger.dispatch(plainJobs(queue, 1))),
    "nodes: finish of 1": finish,
  });
}

/** A Redis with one queue, and one with 100, all empty. */
async function withQueues(setting: Setting): Promise<readonly Compared[]> {
  const many = jobsOf(setting, 100, 10);
  await using stack = new AsyncDisposableStack();
  const open = async (queues: number) => {
    const server = stack.use(await startBenchRedis("none"));
    const direct = stack.use(await openLedger(server.url));
    const names = Array.from({ length: queues - 1 }, (_, at) => `queue-${at}`);
    if (names.length > 0) await server.redis.sadd(queuesKey(defaultNaming), ...names);
    return { ...direct, ...tickRest };
  };
  const subjects = { "1 of it": await open(1), [`${many} of it`]: await open(many) };
  return await compare(subjects, jobsOf(setting, 100, 5), {
    "queues: one tick": (deps) => timed(() => tick(deps, 0)),
    "queues: dispatch of 1": ({ ledger }) => timed(() => ledger.dispatch(plainJobs("default", 1))),
  });
}

/** A Redis with one schedule, and one with 100,000, none of them due. */
async function withSchedules(setting: Setting): Promise<readonly Compared[]> {
  const many = jobsOf(setting, 100_000, 100);
  await using stack = new AsyncDisposableStack();
  const open = async (length: number) => {
    const server = stack.use(await startBenchRedis("none"));
    const direct = stack.use(await openLedger(server.url));
    const specs = Array.from({ length }, (_, at): ScheduleSpec => ({
      id: `s${at}`,
      queue: "default",
      job: { name: "bench" },
      plan: { ...defaultPlan, rule: { kind: "in", inMs: 86_400_000 } },
    }));
    for (let from = 0; from < length; from += 500) {
      const some = specs.slice(from, from + 500);
      await direct.schedules.put(some, { source: "http", nonce: "bench", max: length });
    }
    return { ...direct, ...tickRest };
  };
  const subjects = { "1 of it": await open(1), [`${many} of it`]: await open(many) };
  return await compare(subjects, jobsOf(setting, 100, 5), {
    "schedules: one tick": (deps) => timed(() => tick(deps, 0)),
  });
}
