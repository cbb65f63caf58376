/** `subscriber/main.ts` as a process of its own, for signals and sudden death. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { urlAs } from "./redis-users.ts";
import { shortTiming } from "./subscriber.ts";
import { until } from "./until.ts";

/** One line of its log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly id?: string;
  readonly node?: string;
  readonly reason?: string;
  readonly code?: string;
  /** For how long the event loop was blocked. */
  readonly ms?: number;
}

export interface SubscriberProcess extends AsyncDisposable {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  /** Resolves once `count` lines say `msg` (of job `id`, if given). */
  readonly says: (msg: string, more?: { id?: string; count?: number }) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves to the exit code, or to the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly stderr: () => string;
}

const main = resolve(import.meta.dirname, "../../subscriber/main.ts");
const gateHandlers = resolve(import.meta.dirname, "gate-handlers.ts");

/** A URL without a user is that of a test server, which has a user for subscribers. */
function asSubscriber(url: string | undefined): Readonly<Record<string, string>> {
  const isWithoutUser = url !== undefined && URL.parse(url)?.username === "";
  return isWithoutUser ? { REDIS_URL: urlAs(url, "subscriber") } : {};
}

/** Starts it, with a Redis user of its own; `early` returns before it listens. */
export async function spawnSubscriber(
  env: Readonly<Record<string, string>>,
  { early = false } = {},
): Promise<SubscriberProcess> {
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env["PATH"],
      LOG_LEVEL: "debug",
      SIGNALBOX_NODES: "1",
      SIGNALBOX_HANDLERS: gateHandlers,
      ...shortTiming,
      ...env,
      ...asSubscriber(env["REDIS_URL"]),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const lines: LogLine[] = [];
  let errors = "";
  child.stderr.on("data", (bytes: Buffer) => (errors += bytes.toString()));
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line) as LogLine);
  });
  const exited = once(child, "exit").then(([code, signal]) => {
    process.removeListener("exit", killWithUs);
    return (code ?? signal) as number | NodeJS.Signals;
  });
  const says: SubscriberProcess["says"] = async (msg, { id, count = 1 } = {}) => {
    const found = () => lines.filter((line) => line.msg === msg && (!id || line.id === id)).length;
    await until(() => found() >= count, {
      within: 20_000,
      or: () => `"${msg}" ${id ?? ""}; said ${JSON.stringify(lines.slice(-5))} ${errors}`,
    });
  };
  const started: SubscriberProcess = {
    pid: child.pid ?? 0,
    lines,
    says,
    exited,
    kill: (signal) => child.kill(signal),
    stderr: () => errors,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
  if (!early) {
    await says("listening").catch(async (error: unknown) => {
      await started[Symbol.asyncDispose]();
      throw error;
    });
  }
  return started;
}
