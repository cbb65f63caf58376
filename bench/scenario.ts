/**
 * One measurement of one system: an empty Redis, a fresh caller and fresh consumers, a warm-up that is
 * not counted, then the workload.
 */
import type { ContenderName } from "./contender.ts";
import type { BenchRedis } from "./redis-server.ts";
import { startSides } from "./sides.ts";
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

/** The figures of one run of a scenario. */
export interface Sample {
  readonly jobsPerSecond: number;
  /** Until the caller knew each result (`calls`) or acceptance (`batches`), in milliseconds. */
  readonly callMs: readonly number[];
  /** From each call to the start of its handler, in milliseconds. */
  readonly startMs: readonly number[];
  /** Commands for each job, including those inside scripts. */
  readonly commandsPerJob: number;
  /** Bytes that all processes sent to Redis for each job. */
  readonly bytesPerJob: number;
  /** Processor time for each job, in milliseconds, without start and warm-up. */
  readonly cpuMsPerJob: { readonly caller: number; readonly consumers: number };
}

/** Runs `scenario` once. */
export async function measure(
  server: BenchRedis,
  contender: ContenderName,
  scenario: Scenario,
): Promise<Sample> {
  const { slots, processes, workload, warmUp } = scenario;
  await server.redis.flushall();
  await using sides = await startSides(contender, {
    url: server.url,
    hears: workload.kind === "calls",
    consumers: Array.from({ length: processes }, () => ({ slots, jobMs: 0 })),
  });
  const { caller, consumers, run } = sides;

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
  const sentBefore = await server.receivedBytes();
  const { report, recordedAtMs } = await run(workload);
  const sentBytes = (await server.receivedBytes()) - sentBefore;
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
    bytesPerJob: sentBytes / jobs,
    cpuMsPerJob: {
      caller: (after.caller - before.caller) / jobs,
      consumers: (after.consumers - before.consumers) / jobs,
    },
  };
}
