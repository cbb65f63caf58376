/** Ten nodes of unequal speed: whether each does its share, and whether one is idle while jobs wait. */
import { type Bench, jobsOf } from "../bench.ts";
import { type ContenderName, queueNames } from "../contender.ts";
import { type BenchRedis, startBenchRedis } from "../redis-server.ts";
import type { Row } from "../row.ts";
import { startSides } from "../sides.ts";

/** How long a job takes on each node, in milliseconds. */
const jobMs = [4, 6, 8, 10, 12, 16, 20, 24, 32, 40];
const bursts = 3;

/** When each job of one node started and ended. */
type Spans = readonly (readonly [number, number])[];

export const fairness: Bench = {
  name: "fairness",
  async run(setting) {
    await using server = await startBenchRedis("none");
    const jobs = jobsOf(setting, 1_500, 40);
    const idle: Record<string, number[]> = {};
    const spread: Record<string, number[]> = {};
    for (const contender of queueNames) {
      const found = await runBursts(server, contender, jobs);
      idle[contender] = found.map(idlePercent);
      spread[contender] = found.map(spreadPercent);
      setting.say(`fairness: ${contender}`);
    }
    const row = { bench: "fairness", unit: "%", persistence: null, targets: [] };
    return [
      { ...row, label: "time that nodes sat idle while jobs waited", values: idle },
      { ...row, label: "spread of the nodes' shares of their speed", values: spread },
    ] satisfies readonly Row[];
  },
};

async function runBursts(
  server: BenchRedis,
  contender: ContenderName,
  jobs: number,
): Promise<readonly (readonly Spans[])[]> {
  await server.redis.flushall();
  await using sides = await startSides(contender, {
    url: server.url,
    hears: false,
    consumers: jobMs.map((each) => ({ slots: 1, jobMs: each })),
  });
  const found: (readonly Spans[])[] = [];
  for (let burst = 0; burst <= bursts; burst++) {
    await sides.run({ kind: "batches", jobs, size: 1_000 });
    const answers = await Promise.all(
      sides.consumers.map((consumer) => consumer.ask({ kind: "report" }, "report")),
    );
    // The first burst warms up.
    if (burst > 0) found.push(answers.map(({ report }) => report.spans));
  }
  return found;
}

/** Between the first start and the last one there were always jobs that waited. */
function idlePercent(nodes: readonly Spans[]): number {
  const starts = nodes.flatMap((spans) => spans.map(([start]) => start));
  const [from, to] = [Math.min(...starts), Math.max(...starts)];
  const busy = nodes
    .flat()
    .reduce((sum, [start, end]) => sum + Math.max(0, Math.min(end, to) - start), 0);
  return 100 - (100 * busy) / ((to - from) * nodes.length);
}

/** Compares the jobs of each node with the share that its speed calls for: the largest ratio minus the smallest. */
function spreadPercent(nodes: readonly Spans[]): number {
  const total = nodes.reduce((sum, { length }) => sum + length, 0);
  const speed = jobMs.reduce((sum, each) => sum + 1 / each, 0);
  const shares = nodes.map(({ length }, at) => length / (total / (jobMs[at] ?? Infinity) / speed));
  return 100 * (Math.max(...shares) - Math.min(...shares));
}
