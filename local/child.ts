/**
 * One child process in its own process group, so that nothing it starts can outlive it.
 *
 *   running → stopping → gone
 *
 * running   from the spawn until stop(), kill(), or until the process ends by itself.
 * stopping  the process gets the signals of `stopSteps` one after the other, and after the last one
 *           the whole group gets SIGKILL. Further calls of stop() join the first.
 * gone      the process has ended, and the rest of its group has been killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Signals to end it, and how long to wait after each. @default SIGTERM, 5 seconds */
  readonly stopSteps?: readonly StopStep[];
}

export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** How a child ended. */
export interface Exit {
  readonly name: string;
  /** Such as "it ended with exit code 1" or "SIGKILL ended it". */
  readonly how: string;
  readonly lastLines: readonly string[];
}

export interface Child {
  readonly name: string;
  /** The last part of its output so far. */
  readonly lastLines: readonly string[];
  /** Resolves once the process is gone and its output has been read. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Calls back for every line of stdout and stderr from now on. */
  onLine(listener: (line: string) => void): void;
  /** Ends the process and its group by `stopSteps`; resolves when they are gone. */
  stop(): Promise<void>;
  /** Kills the process and its group without waiting; may be the last call of this process. */
  kill(): void;
}

const LAST_LINES = 20;
const DEFAULT_STOP_STEPS: readonly StopStep[] = [{ signal: "SIGTERM", waitMs: 5_000 }];
/** How long to read output that is still in the pipe after the process has ended. */
const OUTPUT_GRACE_MS = 1_000;

/** Starts the process. A program that cannot be run is a child that has ended, not an exception. */
export function startChild(spec: ChildSpec): Child {
  const subject = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: { ...process.env, ...spec.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const lastLines: string[] = [];
  const listeners: ((line: string) => void)[] = [
    (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
    },
  ];
  for (const stream of [subject.stdout, subject.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      for (const listener of listeners) listener(line);
    });
  }

  let isGone = false;
  const exited = watch(subject).then((how) => {
    isGone = true;
    return { name: spec.name, how, lastLines };
  });
  let stopped: Promise<void> | undefined;
  return {
    name: spec.name,
    lastLines,
    exited,
    onLine: (listener) => {
      listeners.push(listener);
    },
    stop: () => (stopped ??= stop(subject, spec.stopSteps ?? DEFAULT_STOP_STEPS, exited)),
    kill: () => {
      // Once it is gone, another process may have its id.
      if (!isGone) killGroup(subject);
    },
  };
}

async function watch(child: ChildProcess): Promise<string> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  const how = await new Promise<string>((resolve) => {
    child.once("error", (error) => {
      resolve(error.message);
    });
    child.once("exit", (code, signal) => {
      resolve(signal === null ? `it ended with exit code ${code ?? 0}` : `${signal} ended it`);
    });
  });
  // Orphaned grandchildren would keep ports and pipes open.
  killGroup(child);
  await Promise.race([closed, sleep(OUTPUT_GRACE_MS, undefined, { ref: false })]);
  return how;
}

async function stop(
  child: ChildProcess,
  steps: readonly StopStep[],
  exited: Promise<unknown>,
): Promise<void> {
  for (const { signal, waitMs } of steps) {
    child.kill(signal);
    if (await settles(exited, waitMs)) return;
  }
  killGroup(child);
  await exited;
}

async function settles(promise: Promise<unknown>, withinMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(withinMs, false, { signal: timer.signal }).catch(() => false);
  const isSettled = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return isSettled;
}

function killGroup(child: ChildProcess): void {
  // The id of the group is that of its first process.
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is already empty.
  }
}
