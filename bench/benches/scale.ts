/** How cost grows with nodes, queues and schedules; `memory` has how it grows with waiting jobs. */
import { dueJobs, recurringTable } from "../../functions/recurring.ts";
import { tick } from "../../functions/tick.ts";
import { defaultNaming, queuesKey } from "../../protocol/keys.ts";
import { jobsOf, type Bench, type Setting } from "../bench.ts";
import { compare, plainJobs, type Compared } from "../compare.ts";
import { openLedger, timed } from "../direct-ledger.ts";
import { startStation, succeeded } from "../fake-node.ts";
import { startBenchRedis } from "../redis-server.ts";
import type { Row } from "../row.ts";
import { retention } from "./cost.ts";

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
        hot: false,
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
    return { ...direct, config: { recurring: [], retention }, log: () => undefined };
  };
  const subjects = { "1 of it": await open(1), [`${many} of it`]: await open(many) };
  return await compare(subjects, jobsOf(setting, 100, 5), {
    "queues: one tick": (deps) => timed(() => tick(deps, 0)),
    "queues: dispatch of 1": ({ ledger }) => timed(() => ledger.dispatch(plainJobs("default", 1))),
  });
}

/** A table of one schedule, and one of 100, none due: what a tick has to look through. */
function withSchedules(setting: Setting): Promise<readonly Compared[]> {
  const table = (length: number) =>
    recurringTable.parse(
      Array.from({ length }, (_, at) => ({ cron: `${(at % 59) + 1} 3 * * *`, name: "bench" })),
    );
  const subjects = { "1 of it": table(1), "100 of it": table(100) };
  return compare(subjects, jobsOf(setting, 100, 5), {
    "schedules: which are due": (entries) => timed(() => dueJobs(entries, 0)),
  });
}
