/** How a caller drives a system, the same for all systems. */
import { type Caller, monotonicMs, type Payload } from "./contender.ts";

/** One burst of jobs. */
export type Workload =
  /** `inFlight` calls at any time, each waiting for its result. */
  | { readonly kind: "calls"; readonly jobs: number; readonly inFlight: number }
  /** One call after the other, each with `size` jobs, without waiting for results in between. */
  | { readonly kind: "batches"; readonly jobs: number; readonly size: number }
  /** The same without consumers: it ends when all jobs are accepted. */
  | { readonly kind: "fill"; readonly jobs: number; readonly size: number };

/** What the caller measured. Times are by `monotonicMs`. */
export interface CallerReport {
  readonly startedAtMs: number;
  /** When the last job was accepted or, for a caller that hears, its result known. */
  readonly endedAtMs: number;
  /** For `calls`: how long each took until its result was known. For `batches`: until it was accepted. */
  readonly callMs: readonly number[];
}

/** Runs `workload` to its end. */
export async function runWorkload(caller: Caller, workload: Workload): Promise<CallerReport> {
  const startedAtMs = monotonicMs();
  const callMs =
    workload.kind === "calls"
      ? await runCalls(caller, workload)
      : await runBatches(caller, workload);
  if (workload.kind !== "fill") await caller.settled();
  return { startedAtMs, endedAtMs: monotonicMs(), callMs };
}

async function runCalls(
  caller: Caller,
  { jobs, inFlight }: Workload & { kind: "calls" },
): Promise<readonly number[]> {
  const callMs: number[] = [];
  let next = 0;
  const chain = async () => {
    while (next < jobs) {
      const payload = payloadOf(next++);
      await caller.call(payload);
      callMs.push(monotonicMs() - payload.at);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, jobs) }, chain));
  return callMs;
}

async function runBatches(
  caller: Caller,
  { jobs, size }: Workload & { kind: "batches" | "fill" },
): Promise<readonly number[]> {
  const callMs: number[] = [];
  for (let from = 0; from < jobs; from += size) {
    const startedAt = monotonicMs();
    const length = Math.min(size, jobs - from);
    await caller.add(Array.from({ length }, (_, at) => payloadOf(from + at)));
    callMs.push(monotonicMs() - startedAt);
  }
  return callMs;
}

function payloadOf(n: number): Payload {
  return { n, at: monotonicMs(), pad: "a job of about a hundred bytes, as JSON; no-op" };
}
