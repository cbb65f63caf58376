/** Child processes that must not outlive us, however we end. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

const alive = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Kills it when this process ends. */
export function tie(child: ChildProcess): void {
  alive.add(child);
  child.once("exit", () => alive.delete(child));
}

/** Whether it has ended. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Resolves when it is gone: at once by SIGKILL, or by itself within `patienceMs`. */
export async function end(child: ChildProcess, patienceMs = 0): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  const timer = setTimeout(kill, patienceMs);
  await gone;
  clearTimeout(timer);
}
