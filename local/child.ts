/**
 * One child process in a process group of its own, so that nothing it starts can outlive it.
 *
 *   running → stopping → gone
 *
 * running   from the spawn; left by stop(), kill(), or by the process ending by itself.
 * stopping  the process got the signals of `stopSteps` one after the other, and after the last of
 *           them the whole group gets SIGKILL. Further calls of stop() join the first.
 * gone      whichever way the process ended, what is left of its group has been killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** On top of this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How to ask it to end, and how long each asking may take. @default SIGTERM, 5 seconds */
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
  /** The last of what it wrote, as it stands now. */
  readonly lastLines: readonly string[];
  /** Resolves once the process is gone and its output has been read. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Hears every line of stdout and stderr from now on. */
  onLine(listener: (line: string) => void): void;
  /** Ends the process and its group in good order; resolves when they are gone. */
  stop(): Promise<void>;
  /** Ends the process and its group now. Does not wait, so that it can be the last thing done. */
  kill(): void;
}

const LAST_LINES = 20;
const DEFAULT_STOP_STEPS: readonly StopStep[] = [{ signal: "SIGTERM", waitMs: 5_000 }];
/** For output that is still in the pipe when the process is gone already. */
const OUTPUT_GRACE_MS = 1_000;

/** Starts the process. One that cannot be run at all is a child that has ended, not a throw. */
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
      // Once it is gone its number may be somebody else's.
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
  // Grandchildren that lost their parent would hold ports and pipes for ever.
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
  // The group has the number of the process that it was made for.
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left in the group: that is what was wanted.
  }
}
