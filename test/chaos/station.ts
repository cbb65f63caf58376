/** One subscriber of the run: its current process, the former ones, and its links. */
import { resolve } from "node:path";
import { spawnSubscriber, type SubscriberProcess } from "../support/subscriber-process.ts";
import type { History } from "./history.ts";
import type { Link } from "./link.ts";
import { within } from "./pace.ts";

export interface StationOptions {
  readonly name: string;
  /** As in `SIGNALBOX_NODES`. */
  readonly nodes: string;
  readonly redis: Link;
  readonly callback: Link;
  readonly env: Readonly<Record<string, string>>;
  readonly history: History;
}

/** A subscriber whose process can be killed, replaced and frozen. */
export interface Station extends AsyncDisposable {
  readonly name: string;
  readonly problems: readonly string[];
  /** All its processes so far, the current one included. */
  readonly past: readonly SubscriberProcess[];
  kill(): Promise<void>;
  /** Starts a process after the last one has gone. */
  start(): Promise<void>;
  /** Stops the process and starts the next one. */
  roll(): Promise<void>;
  /** Starts the next process, and stops the former one once the next one listens. */
  overlap(): Promise<void>;
  freeze(): void;
  thaw(): void;
  pid(): number;
  stop(): Promise<void>;
}

const handlers = resolve(import.meta.dirname, "handlers.ts");
/** Time in which a process must have drained (`SIGNALBOX_DRAIN_MS`), delivered, and given up unanswered calls. */
const stopMs = 90_000;
const listenMs = 15_000;

/** Starts the first process; resolves once it listens. */
export async function startStation(options: StationOptions): Promise<Station> {
  const { name, history } = options;
  const past: SubscriberProcess[] = [];
  const problems: string[] = [];
  /** Processes that another one was started to replace. */
  const replaced = new Set<number>();
  let present = await launch();
  await present.says("listening");

  async function launch(): Promise<SubscriberProcess> {
    const started = await spawnSubscriber(
      {
        ...options.env,
        REDIS_URL: `redis://127.0.0.1:${options.redis.port}`,
        SIGNALBOX_NODES: options.nodes,
        SIGNALBOX_HANDLERS: handlers,
        SIGNALBOX_CALLBACK_URL: `http://127.0.0.1:${options.callback.port}/v1/results`,
        LOG_LEVEL: "info",
      },
      { early: true },
    );
    history.born(name, started.pid);
    past.push(started);
    void started.exited.then((how) => {
      const life = history.lives.get(started.pid);
      const isExpected = life?.killedAt !== undefined || life?.stoppedAt !== undefined;
      if (!isExpected && !replaced.has(started.pid))
        problems.push(`${name} ended by itself: ${how}`);
      // Before its first line it has no handler for SIGTERM, and nothing to lose.
      const isEarly = how === "SIGTERM" && started.lines.length === 0;
      const isUsual = how === 0 || how === 1 || how === "SIGKILL" || isEarly;
      if (!isUsual) problems.push(`${name} ended with ${how}`);
      const errors = started.stderr().trim();
      if (errors !== "") problems.push(`${name} wrote to stderr: ${errors.slice(0, 2_000)}`);
    });
    return started;
  }

  async function kill(subject: SubscriberProcess): Promise<void> {
    history.ended(subject.pid, "killedAt");
    subject.kill("SIGKILL");
    await subject.exited;
  }

  /** Sends SIGTERM and waits for the end. */
  async function end(subject: SubscriberProcess): Promise<void> {
    history.ended(subject.pid, "stoppedAt");
    subject.kill("SIGTERM");
    if ((await within(subject.exited, stopMs, "late")) !== "late") return;
    problems.push(`${name} did not stop within ${stopMs} ms of SIGTERM`);
    await kill(subject);
  }

  return {
    name,
    problems,
    past,
    kill: () => kill(present),
    start: async () => {
      present = await launch();
    },
    roll: async () => {
      await end(present);
      present = await launch();
    },
    overlap: async () => {
      const former = present;
      replaced.add(former.pid);
      present = await launch();
      await within(present.says("listening"), listenMs, undefined).catch(() => undefined);
      await end(former);
    },
    freeze: () => {
      present.kill("SIGSTOP");
    },
    thaw: () => {
      present.kill("SIGCONT");
    },
    pid: () => present.pid,
    stop: () => end(present),
    [Symbol.asyncDispose]: async () => {
      for (const each of past) await each[Symbol.asyncDispose]();
    },
  };
}
