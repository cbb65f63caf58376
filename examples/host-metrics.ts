/** The `host.metrics` job: what the operating system reports about this machine. */
import { statfs } from "node:fs/promises";
import { cpus, freemem, hostname, loadavg, totalmem, uptime } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunContext } from "../protocol/wire/catalog.ts";
import type { HostMetrics } from "./catalog.ts";

const DEFAULT_SAMPLE_MS = 200;

/** @param payload `sampleMs`: how long to measure the use of the processors */
export async function hostMetrics(
  payload: { readonly sampleMs?: number | undefined } | null,
  context: Pick<RunContext, "signal">,
): Promise<HostMetrics> {
  const before = cpuTimes();
  await sleep(payload?.sampleMs ?? DEFAULT_SAMPLE_MS, undefined, { signal: context.signal });
  const after = cpuTimes();

  const disk = await statfs(process.cwd());
  const [load1 = 0, load5 = 0, load15 = 0] = loadavg();
  return {
    hostname: hostname(),
    uptimeSeconds: uptime(),
    cpu: { count: cpus().length, use: busyShare(before, after) },
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    // bavail, not bfree: a job cannot use the blocks that are reserved for root.
    disk: { totalBytes: disk.blocks * disk.bsize, freeBytes: disk.bavail * disk.bsize },
    load: [load1, load5, load15],
  };
}

/** Milliseconds since boot, summed over all processors. */
export interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

function cpuTimes(): CpuTimes {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, total };
}

/** Share of the time between two readings that was not idle, 0 to 1. */
export function busyShare(before: CpuTimes, after: CpuTimes): number {
  const total = after.total - before.total;
  // A sample shorter than the accounting step of the kernel measures no time at all.
  if (total <= 0) return 0;
  const share = 1 - (after.idle - before.idle) / total;
  return Math.min(1, Math.max(0, share));
}
