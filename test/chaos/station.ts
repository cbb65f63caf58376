/** One subscriber of the run: the process that hosts its nodes now, its successors, and its links. */
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

export type Station = Awaited<ReturnType<typeof startStation>>;

const handlers = resolve(import.meta.dirname, "handlers.ts");
/** Drains (see `SIGNALBOX_DRAIN_MS`), delivers and gives up unanswered calls well within this. */
const stopMs = 90_000;
const listenMs = 15_000;

/** Starts its first process; resolves once that listens. */
export async function startStation(options: StationOptions) {
  const { name, history } = options;
  const past: SubscriberProcess[] = [];
  const problems: string[] = [];
  /** Processes that another one was to take the place of. */
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
      const isTold = life?.killedAt !== undefined || life?.stoppedAt !== undefined;
      if (!isTold && !replaced.has(started.pid)) problems.push(`${name} ended by itself: ${how}`);
      // Before it has said anything it has no handler for SIGTERM, and nothing to lose.
      const isEarly = how === "SIGTERM" && started.lines.length === 0;
      const isUsual = how === 0 || how === 1 || how === "SIGKILL" || isEarly;
      if (!isUsual) problems.push(`${name} ended with ${how}`);
      const errors = started.stderr().trim();
      if (errors !== "") problems.push(`${name} said on stderr: ${errors.slice(0, 2_000)}`);
    });
    return started;
  }

  async function kill(subject: SubscriberProcess): Promise<void> {
    history.ended(subject.pid, "killedAt");
    subject.kill("SIGKILL");
    await subject.exited;
  }

  /** Tells it to stop and waits for its end. */
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
    /** All its processes so far. */
    past: past as readonly SubscriberProcess[],
    kill: () => kill(present),
    /** Starts a process in place of one that is gone. */
    start: async () => {
      present = await launch();
    },
    roll: async () => {
      await end(present);
      present = await launch();
    },
    /** The successor listens before its predecessor is told to stop. */
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
