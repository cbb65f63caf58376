/** Explains why a job ran more than once: each further run has a cause or counts as unexplained. */
import type { History, Life } from "./history.ts";
import type { Run } from "./run-log.ts";

export type Cause =
  | "retry after failing"
  | "retry after time-out"
  | "process killed"
  | "given back"
  | "lease ended in trouble"
  | "frozen, cut off or Redis away"
  | "envelope replayed"
  | "unexplained";

export interface Again {
  readonly id: string;
  readonly cause: Cause;
  readonly run: Run;
  /** The run that explains it. */
  readonly earlier: Run | undefined;
  /** All runs of the job, for the reader of a failure. */
  readonly runs: readonly Run[];
}

/**
 * How long the effects of a trouble last: late messages arrive, and leases that were not renewed end. A half-open
 * connection is detected after 11 s.
 */
const echoMs = 6_000;
const silentEchoMs = 16_000;

/** Explains every run of each job except the first. */
export function explain(
  runs: ReadonlyMap<string, readonly Run[]>,
  history: History,
): readonly Again[] {
  const found: Again[] = [];
  for (const [id, list] of runs) {
    let replays = history.replays.get(id) ?? 0;
    const used = new Set<Run>();
    list.forEach((run, at) => {
      if (at === 0) return;
      const before = list.slice(0, at);
      const known = causeOf(run, before, used, history);
      if (known === undefined && replays > 0) {
        replays -= 1;
        found.push({ id, run, cause: "envelope replayed", earlier: undefined, runs: list });
      } else {
        found.push({
          id,
          run,
          ...(known ?? { cause: "unexplained", earlier: undefined }),
          runs: list,
        });
      }
    });
  }
  return found;
}

/** Searches the earlier runs, latest first. A run that ended by itself explains only one other. */
function causeOf(
  run: Run,
  before: readonly Run[],
  used: Set<Run>,
  history: History,
): Pick<Again, "cause" | "earlier"> | undefined {
  for (const earlier of before.toReversed()) {
    if (used.has(earlier)) continue;
    const cause = causeBetween(earlier, run, history);
    if (cause === undefined) continue;
    used.add(earlier);
    return { cause, earlier };
  }
  return undefined;
}

function causeBetween(earlier: Run, run: Run, history: History): Cause | undefined {
  const life = history.lives.get(earlier.pid);
  const { how, endedAt } = earlier;
  if (how === "threw" && endedAt !== undefined && endedAt <= run.startedAt)
    return "retry after failing";
  if (how === "timeout") return "retry after time-out";
  if (how === "shutdown") return "given back";
  if (endedAt === undefined && life?.killedAt !== undefined) return "process killed";
  if (endedAt === undefined && life?.stoppedAt !== undefined) return "given back";
  const isTroubled = [earlier, run].some((each) =>
    wasTroubled(history.lives.get(each.pid), earlier.startedAt, run.startedAt, history),
  );
  if (!isTroubled) return undefined;
  return how === "lease_lost" ? "lease ended in trouble" : "frozen, cut off or Redis away";
}

/** Whether the process of `run` was disturbed when the run started, or shortly before. */
export function wasLate(run: Run, history: History): boolean {
  return wasTroubled(history.lives.get(run.pid), run.startedAt, run.startedAt, history);
}

/** Whether the station or Redis was disturbed in the period or shortly before it. */
function wasTroubled(life: Life | undefined, from: number, to: number, history: History): boolean {
  return history.troubles.some(
    (trouble) =>
      (trouble.target === life?.station ||
        trouble.target === "redis" ||
        trouble.target === "machine") &&
      trouble.from <= to &&
      trouble.to + (/hole|freeze/.test(trouble.what) ? silentEchoMs : echoMs) >= from,
  );
}
