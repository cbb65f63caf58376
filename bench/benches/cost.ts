/** What a job, an idle subscriber and an empty tick cost, in commands and bytes. */
import { tick } from "../../functions/tick.ts";
import { newJobId } from "../../protocol/wire/names.ts";
import { type Bench, jobsOf, type Setting } from "../bench.ts";
import { contenderNames, queueNames } from "../contender.ts";
import { openLedger } from "../direct-ledger.ts";
import { commandsAtRest } from "../idle.ts";
import { startBenchRedis } from "../redis-server.ts";
import { atMost, type Row, type Target } from "../row.ts";
import { measure, type Sample, type Scenario } from "../scenario.ts";
import type { Workload } from "../workload.ts";

/** The defaults of the function. */
const retention = {
  retentionMs: 86_400_000,
  maxFinished: 100_000,
  failedMs: 604_800_000,
  maxFailed: 10_000,
  outboxMs: 604_800_000,
};

export const cost: Bench = {
  name: "cost",
  run: async (setting) => [
    ...(await perJob(setting, "alone, 10 slots", { kind: "calls", jobs: 100, inFlight: 1 }, [
      atMost(14),
    ])),
    ...(await perJob(
      setting,
      "in batches of 1,000",
      { kind: "batches", jobs: jobsOf(setting, 5_000), size: 1_000 },
      [atMost(1.5)],
    )),
    await atRest(setting),
    await oneTick(),
  ],
};

async function perJob(
  { say }: Setting,
  how: string,
  workload: Workload,
  targets: readonly Target[],
): Promise<readonly Row[]> {
  await using server = await startBenchRedis("none");
  const slots = workload.kind === "calls" ? 10 : 100;
  const scenario: Scenario = { name: how, slots, processes: 1, warmUp: workload, workload };
  const samples = new Map<string, Sample>();
  for (const contender of queueNames) {
    samples.set(contender, await measure(server, contender, scenario));
    say(`${how}: ${contender}`);
  }
  const row = (label: string, unit: string, of: (sample: Sample) => number): Row => ({
    bench: "cost",
    label: `a job ${how}: ${label}`,
    unit,
    persistence: null,
    targets: [],
    values: Object.fromEntries([...samples].map(([name, sample]) => [name, [of(sample)]])),
  });
  return [
    { ...row("commands", "commands", ({ commandsPerJob }) => commandsPerJob), targets },
    row("sent to Redis", "bytes", ({ bytesPerJob }) => bytesPerJob),
  ];
}

async function atRest({ isShort, say }: Setting): Promise<Row> {
  const lookMs = isShort ? 500 : 60_000;
  say(`at rest, for ${lookMs / 1_000} s`);
  const rest = { consumers: 3, settleMs: isShort ? 0 : 12_000, lookMs };
  const figures = await Promise.all(
    contenderNames.map(async (name) => [name, [await commandsAtRest(name, rest)]] as const),
  );
  return {
    bench: "cost",
    label: "at rest, for each of 3 subscribers, a minute, without PING",
    unit: "commands",
    persistence: null,
    values: Object.fromEntries(figures),
    targets: isShort ? [] : [atMost(0)],
  };
}

/** What a tick needs besides a ledger. */
export const tickRest = {
  declared: [],
  newId: newJobId,
  log: () => undefined,
  config: { retention, maxSchedules: 1_000_000 },
};

async function oneTick(): Promise<Row> {
  await using server = await startBenchRedis("none");
  using direct = await openLedger(server.url);
  const deps = { ...direct, ...tickRest };
  await tick(deps, 0); // loads every script
  await server.commands();
  await tick(deps, 0);
  const commands = await server.commands();
  return {
    bench: "cost",
    label: "one tick a minute for all, nothing due, one queue",
    unit: "commands",
    persistence: null,
    values: { signalbox: [[...commands.values()].reduce((sum, { calls }) => sum + calls, 0)] },
    targets: [atMost(22)],
  };
}
