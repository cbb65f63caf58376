/** Child processes that must not outlive this one, however it ends. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

const alive = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Makes sure that `child` is killed when this process ends. */
export function tie(child: ChildProcess): void {
  alive.add(child);
  child.once("exit", () => alive.delete(child));
}

/** Whether `child` has ended. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Waits `patienceMs` for `child` to end by itself, then kills it. Resolves when it is gone. */
export async function end(child: ChildProcess, patienceMs = 0): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  const timer = setTimeout(kill, patienceMs);
  await gone;
  clearTimeout(timer);
}
