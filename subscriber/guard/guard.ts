/**
 * The guard: a thread that keeps the leases of running attempts while a handler holds the event loop. The subscriber
 * enters its attempts in shared memory (`table.ts`); the thread (`worker.ts`) has no connection, and sleeps unless
 * attempts run, until a sign of life is overdue. Then it does what the event loop cannot (`hold.ts`).
 *
 * Nothing depends on it: where no thread can be started, or it ends, that is logged, and a blocked event loop costs
 * leases.
 */
import { Worker } from "node:worker_threads";
import { SignalboxError } from "../../protocol/error.ts";
import type { Config } from "../config/config.ts";
import { createTableBuffer, createTableWriter, type TableSize } from "./table.ts";

/** See `createGuard`. No method throws. */
export interface Guard {
  /**
   * Starts the thread. Call it once. Resolves when it watches, cannot be started, or takes longer than 5 s: jobs are
   * taken from then on. Never rejects.
   */
  start(): Promise<void>;
  /** The number of an assignment, for `watch`; -1 if the guard does not know it. */
  indexOf(assignment: { readonly node: string; readonly queue: string }): number;
  /**
   * Enters an attempt; call it before the handler starts, which may hold the event loop from then on. Times are in
   * milliseconds of `performance.now()`.
   * @param assignment its number, by `indexOf`
   * @param member its lease, as the ledger names it
   * @param endsAt when its time-out passes: until then its lease is kept
   * @returns its place, for `release`; -1 if it is not guarded
   */
  watch(assignment: number, member: string, startedAt: number, endsAt: number): number;
  /** Clears the place of an attempt whose outcome the ledger has; -1 is ignored. */
  release(place: number): void;
  /** Shows that the event loop runs, and says by when it will do so again; infinite if no attempt runs. */
  beat(nextAt: number): void;
  /** Says that a node has joined: deliveries to this incarnation of it are kept while the event loop is blocked. */
  joined(node: { readonly node: string; readonly queue: string; readonly epoch: string }): void;
  /** Ends the thread. Resolves when it is gone; repeat-safe. */
  stop(): Promise<void>;
}

/** What a guard is given. */
export interface GuardOptions {
  readonly config: Pick<
    Config,
    "redisUrl" | "naming" | "timing" | "assignments" | "maxResultBytes"
  >;
  readonly log: { warn(fields: object, message: string): void };
}

/** What the thread is given. */
export interface GuardSettings {
  readonly buffer: SharedArrayBuffer;
  readonly size: TableSize;
  /** The subscriber's `performance.now()` was 0 then, in milliseconds of `process.hrtime`, which all threads share. */
  readonly originMs: number;
  readonly config: GuardOptions["config"];
}

/** What the thread says. */
export type GuardMessage =
  | { readonly kind: "ready" }
  /** It has ended an attempt at its time-out. */
  | { readonly kind: "ended"; readonly queue: string; readonly member: string };

/** For subscribers without one, such as those of tests. */
export const noGuard: Guard = {
  start: () => Promise.resolve(),
  indexOf: () => -1,
  watch: () => -1,
  release: () => undefined,
  beat: () => undefined,
  joined: () => undefined,
  stop: () => Promise.resolve(),
};

/** At most so many attempts are guarded; a place takes 0.3 kB. */
const maxPlaces = 20_000;
/** How long the start of the thread may delay the subscriber, in milliseconds. */
const startMs = 5_000;

/**
 * Creates the guard of one process, for all its assignments. In a Cluster too: its connection follows the queues to their
 * masters.
 */
export function createGuard({ config, log }: GuardOptions): Guard {
  const keyOf = ({ node, queue }: { node: string; queue: string }) => `${node} ${queue}`;
  const indexes = new Map(config.assignments.map((each, index) => [keyOf(each), index]));
  const slots = config.assignments.reduce((sum, each) => sum + each.slots, 0);
  // More than there are slots: an attempt whose outcome is being sent has given its slot away.
  const size = { places: Math.min(maxPlaces, 2 * slots + 16), assignments: indexes.size };
  const buffer = createTableBuffer(size);
  const table = createTableWriter(buffer, size);
  let thread: Worker | undefined;
  const started = Promise.withResolvers<undefined>();
  let isStopping = false;
  let stopped: Promise<void> | undefined;

  function fail(error: unknown): void {
    started.resolve(undefined);
    if (isStopping) return;
    log.warn(
      { reason: error instanceof Error ? error.message : String(error) },
      "no guard for leases: a handler that blocks the event loop loses its lease",
    );
  }

  function take(message: GuardMessage): void {
    if (message.kind === "ready") {
      started.resolve(undefined);
      return;
    }
    const [id, , node] = message.member.split(" ");
    log.warn(
      { code: "event_loop_blocked", queue: message.queue, id, node },
      "attempt failed at its time-out: the event loop was blocked",
    );
  }

  async function end(): Promise<void> {
    isStopping = true;
    started.resolve(undefined);
    table.stop();
    await thread?.terminate();
  }

  return {
    start() {
      const { redisUrl, naming, timing, assignments, maxResultBytes } = config;
      const settings: GuardSettings = {
        buffer,
        size,
        originMs: Number(process.hrtime.bigint()) / 1e6 - performance.now(),
        config: { redisUrl, naming, timing, assignments, maxResultBytes },
      };
      try {
        thread = createThread(settings);
      } catch (error) {
        fail(error);
        return started.promise;
      }
      thread.on("error", fail);
      thread.on("exit", (code) => {
        fail(new SignalboxError("internal", `expected the guard to run, it ended with ${code}`));
      });
      thread.on("message", take);
      thread.unref(); // after the listeners: one for messages keeps the process alive
      const timer = setTimeout(started.resolve, startMs, undefined);
      return started.promise.finally(() => {
        clearTimeout(timer);
      });
    },
    indexOf: (assignment) => indexes.get(keyOf(assignment)) ?? -1,
    watch: (assignment, member, startedAt, endsAt) =>
      assignment < 0 ? -1 : table.add(assignment, member, startedAt, endsAt),
    release(place) {
      table.remove(place);
    },
    beat(nextAt) {
      table.beat(nextAt);
    },
    joined(node) {
      const index = indexes.get(keyOf(node));
      if (index !== undefined) table.joined(index, Number(node.epoch));
    },
    stop: () => (stopped ??= end()),
  };
}

/** Without the process's environment, which holds secrets, and without its options, which may load an agent again. */
function createThread(workerData: GuardSettings): Worker {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new Worker(new URL(`./worker.${extension}`, import.meta.url), {
    name: "signalbox guard",
    workerData,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
}
