/** CPU time of a tick, of which a free Worker has 10 ms: in Node, and in workerd, where it is deployed. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { fireCron } from "../../local/clock.ts";
import { defaultNaming, queuesKey } from "../../protocol/redis/keys.ts";
import { createConnection } from "../../subscriber/connection/ioredis.ts";
import { type Bench, jobsOf } from "../bench.ts";
import { tie } from "../children.ts";
import { variablesOf, withFunction } from "../edge-stack.ts";
import { descendantsMs } from "../processor-time.ts";
import { atMost, type Row } from "../row.ts";
import { loads, loadSchedules } from "../tick-load.ts";

/** More than one tick processes. */
const schedulesPerTick = 110;
/** As many as one tick checks. */
const queueCount = 25;
const blocks = 5;

/** Fills Redis for `ticks` ticks. */
type Load = (redis: Redis, ticks: number) => Promise<void>;

const subjects: Readonly<Record<string, Load>> = {
  "nothing due, one queue": async (redis) => {
    await redis.flushall();
  },
  [`nothing due, ${queueCount} queues`]: async (redis) => {
    await redis.flushall();
    const queues = Array.from({ length: queueCount - 1 }, (_, at) => `queue-${at}`);
    await redis.sadd(queuesKey(defaultNaming), ...queues);
  },
  ...Object.fromEntries(
    Object.entries(loads).map(([name, ruleOf]): [string, Load] => [
      `a full share of ${name}`,
      (redis, ticks) => loadSchedules(redis, ticks * schedulesPerTick, ruleOf),
    ]),
  ),
};

export const tick: Bench = {
  name: "tick",
  run: (setting) =>
    withFunction(async ({ redisUrl, gatewayUrl, functionUrl }) => {
      const redis = createConnection(redisUrl);
      await redis.connect();
      const perBlock = jobsOf(setting, 20, 1);
      const ticks = blocks * perBlock;
      const bare = await cpuOfWorkerd(perBlock, async () => {
        await (await fetch(`${functionUrl}/nothing-here`)).text();
      });
      const rows: Row[] = [];
      for (const [name, load] of Object.entries(subjects)) {
        setting.say(`tick: ${name}`);
        await load(redis, ticks);
        const [first = NaN, ...warm] = await cpuInNode(ticks, gatewayUrl);
        await load(redis, ticks);
        const inWorkerd = await cpuOfWorkerd(perBlock, () =>
          fireCron(functionUrl, Date.now(), AbortSignal.timeout(60_000)),
        );
        rows.push(
          row(`${name}: in Node`, warm, 10),
          row(`${name}: in workerd, less that of an empty request`, less(inWorkerd, bare), 10),
          row(`${name}: the first one in a fresh process, Node`, [first]),
        );
      }
      redis.disconnect();
      return rows.filter(({ values }) => values["signalbox"]?.length !== 0);
    }),
};

function row(label: string, values: readonly number[], limit?: number): Row {
  return {
    bench: "tick",
    label,
    unit: "ms CPU",
    persistence: null,
    values: { signalbox: values },
    targets: limit === undefined ? [] : [atMost(limit)],
  };
}

async function cpuInNode(count: number, gatewayUrl: string): Promise<readonly number[]> {
  const program = join(import.meta.dirname, "../tick-process.ts");
  const child = fork(program, [String(count)], {
    env: { ...process.env, ...variablesOf(gatewayUrl) },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  tie(child);
  const ended = once(child, "exit").then(() => []);
  const [figures = []] = (await Promise.race([once(child, "message"), ended])) as number[][];
  return figures;
}

/** One mean for each block, since /proc counts in steps of 10 ms; empty without /proc. */
async function cpuOfWorkerd(
  perBlock: number,
  work: () => Promise<void>,
): Promise<readonly number[]> {
  const means: number[] = [];
  await work(); // warms up
  for (let block = 0; block < blocks; block++) {
    const before = await descendantsMs("workerd");
    for (let at = 0; at < perBlock; at++) await work();
    const after = await descendantsMs("workerd");
    if (before !== null && after !== null) means.push((after - before) / perBlock);
  }
  return means;
}

function less(values: readonly number[], others: readonly number[]): readonly number[] {
  const mean = others.reduce((sum, value) => sum + value, 0) / others.length;
  return values.map((value) => value - mean);
}
