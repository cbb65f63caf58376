/** Invariants of the runs of handlers. */
import type { Evidence } from "./evidence.ts";
import { timing } from "./stack.ts";

/** Only shown, not judged: other troubles may have interfered. */
export function afterKills({ again, killedAt }: Evidence): string {
  const waits = again.flatMap(({ cause, run, earlier }) => {
    const from = killedAt.get(earlier?.pid ?? 0);
    return cause === "process killed" && from !== undefined ? [(run.startedAt - from) / 1_000] : [];
  });
  waits.sort((a, b) => a - b);
  const at = (share: number) => waits[Math.floor((waits.length - 1) * share)]?.toFixed(1) ?? "-";
  return `${waits.length} times: median ${at(0.5)}, longest ${at(1)}`;
}

/** A process that is stopped lets its runs end within its drain time. */
export function gracious({ runs, drainedAt }: Evidence): readonly [number, readonly string[]] {
  const given = [...runs.values()].flat().filter(({ how }) => how === "shutdown");
  const early = given.filter(({ pid, endedAt = Infinity }) => {
    const from = drainedAt.get(pid);
    return from === undefined || endedAt - from < timing.drainMs - 100;
  });
  return [given.length, early.map((run) => `${run.id}: ${JSON.stringify(run)}`)];
}

export function again({ again }: Evidence): string {
  const counts = new Map<string, number>();
  for (const { cause } of again) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  return `${again.length}: ${[...counts].map(([cause, count]) => `${count} ${cause}`).join(", ")}`;
}

export function unexplained({ again }: Evidence): readonly string[] {
  return again
    .filter(({ cause }) => cause === "unexplained")
    .map(({ id, runs }) => `${id}: ${JSON.stringify(runs)}`);
}
