/**
 * One measurement of one system: an empty Redis, a fresh caller and fresh consumers, a warm-up that is
 * not counted, then the workload.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ContenderName } from "./contender.ts";
import type { BenchRedis } from "./redis-server.ts";
import { startSide } from "./remote-side.ts";
import type { Workload } from "./workload.ts";

/** What is measured. */
export interface Scenario {
  readonly name: string;
  readonly slots: number;
  /** Subscriber processes, each with `slots`. */
  readonly processes: number;
  readonly warmUp: Workload;
  readonly workload: Workload;
}

/** What one run of a scenario gave. */
export interface Sample {
  readonly jobsPerSecond: number;
  /** Until the caller knew each result (`calls`) or acceptance (`batches`), in milliseconds. */
  readonly callMs: readonly number[];
  /** From each call to the start of its handler, in milliseconds. */
  readonly startMs: readonly number[];
  /** Commands for each job, those inside scripts counted. */
  readonly commandsPerJob: number;
  readonly commands: ReadonlyMap<string, { calls: number; microseconds: number }>;
  /** Processor time for each job, in milliseconds, warm-up and start left out. */
  readonly cpuMsPerJob: { readonly caller: number; readonly consumers: number };
}

/** How often consumers are asked how far they are, in milliseconds. */
const lookMs = 10;

/** Runs it once. */
export async function measure(
  server: BenchRedis,
  contender: ContenderName,
  scenario: Scenario,
): Promise<Sample> {
  const { slots, processes, workload, warmUp } = scenario;
  const hears = workload.kind === "calls";
  const { url } = server;
  await server.redis.flushall();
  await using sides = new AsyncDisposableStack();
  const [caller, ...consumers] = await Promise.all([
    startSide({ contender, url, role: "caller", hears }),
    ...Array.from({ length: processes }, (_, at) =>
      startSide({ contender, url, role: "consumer", slots, jobMs: 0, node: String(at + 1) }),
    ),
  ]);
  for (const side of [caller, ...consumers]) sides.use(side);

  /** Each process counts what it recorded; with several, nobody knows beforehand who gets how many. */
  const run = async (burst: Workload) => {
    await Promise.all(consumers.map((consumer) => consumer.ask({ kind: "reset" }, "done")));
    const { report } = await caller.ask({ kind: "run", workload: burst }, "ran");
    const recordedAtMs = await recordedBy(burst.jobs);
    return { report, recordedAtMs };
  };

  async function recordedBy(jobs: number): Promise<number> {
    for (;;) {
      const answers = await Promise.all(
        consumers.map((consumer) => consumer.ask({ kind: "recorded" }, "recorded")),
      );
      const sum = answers.reduce((total, { count }) => total + count, 0);
      if (sum >= jobs) return Math.max(...answers.map(({ atMs }) => atMs));
      // The times come with the answers: how often is asked changes no figure.
      await sleep(lookMs);
    }
  }

  const cpu = async () => {
    const answers = await Promise.all(
      [caller, ...consumers].map((side) => side.ask({ kind: "report" }, "report")),
    );
    const [first = 0, ...rest] = answers.map(({ cpuMs }) => cpuMs);
    return { caller: first, consumers: rest.reduce((sum, each) => sum + each, 0), answers };
  };

  await run(warmUp);
  const before = await cpu();
  await server.commands();
  const { report, recordedAtMs } = await run(workload);
  const commands = await server.commands();
  const after = await cpu();
  const endedAtMs = Math.max(report.endedAtMs, recordedAtMs);
  const total = [...commands.values()].reduce((sum, { calls }) => sum + calls, 0);
  const { jobs } = workload;
  return {
    jobsPerSecond: (jobs * 1_000) / (endedAtMs - report.startedAtMs),
    callMs: report.callMs,
    startMs: after.answers.flatMap(({ report: { startMs } }) => startMs),
    commandsPerJob: total / jobs,
    commands,
    cpuMsPerJob: {
      caller: (after.caller - before.caller) / jobs,
      consumers: (after.consumers - before.consumers) / jobs,
    },
  };
}
