/** Compares three queues of a Cluster on one master with one queue on each of three masters. */
import { pino } from "pino";
import { createSubscribers } from "../../subscriber/cluster/subscribers.ts";
import { readConfig } from "../../subscriber/config/config.ts";
import { createEvents } from "../../subscriber/events.ts";
import { noOutbox } from "../../subscriber/outcome/outbox.ts";
import { type Bench, jobsOf, type Setting } from "../bench.ts";
import { plainJobs } from "../compare.ts";
import { openLedger } from "../direct-ledger.ts";
import { startBenchCluster } from "../redis-cluster.ts";

export const cluster: Bench = {
  name: "cluster",
  async run(setting) {
    await using server = await startBenchCluster();
    const [one = [], ...others] = await server.queuesOf(3);
    const spread = [one, ...others].flatMap(([queue]) => queue ?? []);
    const found: Record<string, number[]> = { "1 master": [], "3 masters": [] };
    for (let round = 0; round < setting.rounds.count; round++) {
      const subjects = [
        ["1 master", one],
        ["3 masters", spread],
      ] as const;
      for (const [name, queues] of round % 2 === 0 ? subjects : subjects.toReversed()) {
        found[name]?.push(await jobsPerSecond(setting, server.url, queues));
        setting.say(`round ${round + 1}: cluster ${name}`);
      }
    }
    return [
      {
        bench: "cluster",
        label: "three queues, batches of 1,000, 100 slots each",
        unit: "jobs/s",
        persistence: null,
        values: found,
        targets: [],
      },
    ];
  },
};

/** Measured from the first call until all results are stored. Caller and subscriber share this process. */
async function jobsPerSecond(
  setting: Setting,
  url: string,
  queues: readonly string[],
): Promise<number> {
  using direct = await openLedger(url);
  const each = jobsOf(setting, 5_000);
  const events = createEvents((error) => {
    throw error;
  });
  const listening = Promise.withResolvers<unknown>();
  events.on("listening", listening.resolve);
  const stored = Promise.withResolvers<unknown>();
  let left = each * queues.length;
  const subscriber = createSubscribers({
    config: readConfig({
      REDIS_URL: url,
      SIGNALBOX_NODES: "1",
      SIGNALBOX_SLOTS: "100",
      SIGNALBOX_QUEUES: queues.join(","),
      SIGNALBOX_HANDLERS: "given",
      LOG_LEVEL: "silent",
    }),
    module: { handlers: { bench: () => null }, catalog: undefined },
    outbox: {
      ...noOutbox,
      add: ({ texts }) => {
        left -= texts.length;
        if (left === 0) stored.resolve(undefined);
      },
    },
    events,
    log: pino({ level: "silent" }),
  });
  subscriber.start();
  await listening.promise;
  const startedAt = performance.now();
  for (let sent = 0; sent < each; sent += 1_000) {
    const count = Math.min(1_000, each - sent);
    await Promise.all(queues.map((queue) => direct.ledger.dispatch(plainJobs(queue, count))));
  }
  await stored.promise;
  const tookMs = performance.now() - startedAt;
  await subscriber.stop();
  return (each * queues.length * 1_000) / tookMs;
}
