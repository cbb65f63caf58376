/**
 * The timed scenarios, shared by the benches that report different figures of them. Each is warmed up with half as many
 * jobs again: such processes live for weeks, and after 3,000 jobs V8 has compiled only little of their code.
 */
import { jobsOf, type Setting } from "./bench.ts";
import { type ContenderName, contenderNames, queueNames } from "./contender.ts";
import { type Persistence, persistences } from "./redis-server.ts";
import type { Heat } from "./rounds.ts";

/** One caller that waits for each result before it sends the next job. */
export function alone(setting: Setting): Heat {
  return calls(setting, { name: "alone", slots: 1, inFlight: 1, jobs: 1_000 });
}

/** One caller with 100 jobs in flight at any time. */
export function windowOf100(setting: Setting): Heat {
  return calls(setting, { name: "window of 100", slots: 100, inFlight: 100, jobs: 6_000 });
}

function calls(
  setting: Setting,
  of: { name: string; slots: number; inFlight: number; jobs: number },
): Heat {
  const { name, slots, inFlight } = of;
  const burst = (jobs: number) => ({ kind: "calls", jobs, inFlight }) as const;
  return {
    scenario: {
      name,
      slots,
      processes: 1,
      warmUp: burst(jobsOf(setting, of.jobs / 2)),
      workload: burst(jobsOf(setting, of.jobs)),
    },
    contenders: contenderNames,
    persistences: persistencesOf(setting),
  };
}

function persistencesOf({ isShort }: Setting): readonly Persistence[] {
  return isShort ? ["none"] : persistences;
}

/** Batches of 1,000 to `slots` slots in each of `processes` processes. */
export function batches(
  setting: Setting,
  of: { slots: number; processes?: number; jobs?: number; contenders?: readonly ContenderName[] },
): Heat {
  const { slots, processes = 1, jobs = 8_000, contenders = queueNames } = of;
  const burst = (count: number) => ({ kind: "batches", jobs: count, size: 1_000 }) as const;
  return {
    scenario: {
      name: `batches, ${processes} × ${slots} slots`,
      slots,
      processes,
      warmUp: burst(jobsOf(setting, Math.max(1_000, jobs / 2))),
      workload: burst(jobsOf(setting, jobs)),
    },
    contenders,
    persistences: contenders === queueNames ? persistencesOf(setting) : ["none"],
  };
}
