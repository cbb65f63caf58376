/** Reads the file in which handlers record their runs; see `handlers.ts`. */
import { readFile } from "node:fs/promises";

export interface RunLine {
  /** Unique for the run; its result contains it. */
  readonly run: string;
  readonly id: string;
  readonly queue: string;
  readonly node: string;
  readonly attempt: number;
  readonly pid: number;
  readonly what: "start" | "end";
  /** Milliseconds since 1970. */
  readonly at: number;
  /** At the end: `done`, `threw`, or the reason why its signal was aborted. */
  readonly how?: string;
}

/** One run of a handler. */
export interface Run extends Omit<RunLine, "what" | "at"> {
  readonly startedAt: number;
  /** Undefined if its process died first. */
  readonly endedAt?: number;
}

/** Groups the runs by job, in the order in which they started. */
export async function readRuns(file: string): Promise<ReadonlyMap<string, readonly Run[]>> {
  const text = await readFile(file, "utf8").catch(() => "");
  const lines = text.split("\n").filter(Boolean);
  const runs = new Map<string, Run>();
  for (const line of lines) {
    const { what, at, ...about } = JSON.parse(line) as RunLine;
    const known = runs.get(about.run);
    if (what === "start") runs.set(about.run, { ...about, startedAt: at });
    else if (known !== undefined) runs.set(about.run, { ...known, ...about, endedAt: at });
  }
  const byJob = new Map<string, Run[]>();
  for (const run of runs.values()) byJob.set(run.id, [...(byJob.get(run.id) ?? []), run]);
  for (const list of byJob.values()) list.sort((a, b) => a.startedAt - b.startedAt);
  return byJob;
}
