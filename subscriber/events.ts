/** What happens in a subscriber, as a contract: logs, metrics and tests hang on these events. */
import { EventEmitter } from "node:events";
import type { SignalboxError } from "../protocol/error.ts";
import type { TerminalState } from "../protocol/wire/job.ts";

/** One attempt, as events name it. */
export interface AttemptName {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly node: string;
  readonly attempt: number;
}

/** How an attempt ended. */
export interface AttemptEnded extends AttemptName {
  /** `released`: the job is given back. `retry`: it failed, and another attempt follows. */
  readonly state: TerminalState | "released" | "retry";
  /** Time that the handler took. */
  readonly durationMs: number;
  /** Of the failure, if there is one. */
  readonly code?: string;
  /** Of the failure, with the messages of its causes. */
  readonly message?: string;
  /** Of what the handler threw, and of its causes, up to 4,096 characters; it is kept nowhere else. */
  readonly stack?: string;
  /** Until the next attempt, where the state is `retry`. */
  readonly delayMs?: number;
}

/** What held the event loop: one of `attempts`, or something else in the process. */
export interface LoopBlocked {
  readonly code: "event_loop_blocked";
  /** For how long, to within a fortieth of `SIGNALBOX_UNACKNOWLEDGED_MS`. */
  readonly ms: number;
  /** The attempts that ran meanwhile, at most 20; only the one at fault where that is known. */
  readonly attempts: readonly AttemptName[];
}

/** A message that is not run. `sample` is its beginning. */
export interface MessageNotRun {
  readonly channel: string;
  readonly reason: string;
  readonly sample: string;
}

/**
 * Every event, and what it carries. Times are in milliseconds.
 * @example
 * type Ended = SubscriberEventMap["attempt:ended"][0];
 * const count = ({ state }: Ended) => metrics.increment(`jobs.${state}`);
 * running.events.on("attempt:ended", count);
 */
export interface SubscriberEventMap {
  /** Subscribed and joined: jobs can come. Emitted again after every reconnection. */
  listening: [{ readonly nodes: readonly string[] }];
  /** The subscribing connection is lost; it is being replaced. */
  disconnected: [];
  /** Another subscriber has taken this node, which runs no more jobs here. */
  superseded: [{ readonly node: string; readonly queue: string }];
  "attempt:started": [AttemptName];
  "attempt:ended": [AttemptEnded];
  /** The outcome was refused: the attempt had lost its lease to another. */
  "attempt:fenced": [AttemptName];
  /** The lease is gone while the handler runs; its signal has been aborted. */
  "attempt:lost": [AttemptName];
  /** The handler still runs a second after its signal was aborted; its slot has been freed. */
  "attempt:unresponsive": [AttemptName];
  /** The event loop was busy for so long that leases were at risk. Emitted when it is free again. */
  "loop:blocked": [LoopBlocked];
  "bare:ended": [{ readonly id: string; readonly node: string; readonly ok: boolean }];
  "message:unreadable": [MessageNotRun];
  /** Only signed jobs are run here, and this one is not signed, or not as it came. */
  "message:refused": [MessageNotRun];
  /** The times of a schedule cannot be worked out: it rests until it is changed. */
  "schedule:faulty": [{ readonly id: string; readonly queue: string; readonly reason: string }];
  /**
   * Redis answered in a form that this version does not know. What was not stored is run again when its lease ends:
   * check that function and subscriber run the same version.
   */
  "outcomes:abandoned": [
    { readonly queue: string; readonly count: number; readonly reason: string },
  ];
  "results:delivered": [{ readonly count: number }];
  /**
   * The callback did not record results. They stay in the outbox and are sent again, the first of them in `retryInMs`;
   * null: they are left to the tick.
   */
  "results:refused": [
    {
      readonly reason: string;
      readonly retryInMs: number | null;
      /** The ids of the first ten jobs, where the function's hook refused their results and recorded others. */
      readonly jobs?: readonly string[];
    },
  ];
  /** A Cluster keeps queues at another master by now, where this process does not listen: it must be started again. */
  "cluster:changed": [{ readonly queues: readonly string[] }];
  /**
   * Redis cannot be reached; it is tried again. Once for each reason, until it is reached. `address` is without user and
   * password, `fix` says what to do.
   */
  "redis:unreachable": [
    { readonly address: string; readonly reason: string; readonly fix: string },
  ];
  /** Redis does not know that these nodes are here, although the connection lives: its data was deleted or replaced. */
  "registration:lost": [{ readonly queue: string; readonly nodes: readonly string[] }];
  /** This Redis may throw jobs away, is none, or refuses the user, the password or the database of its URL: stop. */
  "redis:refused": [{ readonly reason: string }];
  /** This Redis may lose jobs in ways that its settings could prevent. */
  "redis:doubtful": [{ readonly reason: string }];
  "redis:failed": [
    { readonly during: string; readonly error: SignalboxError; readonly retryInMs: number },
  ];
}

/**
 * A typed emitter whose listeners cannot break the subscriber: what they throw is logged.
 * @example
 * function watch(events: SubscriberEvents): void {
 *   events.on("redis:failed", ({ during, retryInMs }) => {
 *     console.warn(`${during} failed; next try in ${retryInMs} ms`);
 *   });
 * }
 */
export interface SubscriberEvents {
  /** Calls the listeners of `name`, in the order in which they were added. Never throws. */
  emit<K extends keyof SubscriberEventMap>(name: K, ...args: SubscriberEventMap[K]): void;
  /** Has `listener` called with each event of that name. If it throws, the later ones are not called. */
  on<K extends keyof SubscriberEventMap>(
    name: K,
    listener: (...args: SubscriberEventMap[K]) => void,
  ): void;
}

/** Creates the emitter. What a listener throws goes to `onError`. */
export function createEvents(onError: (error: unknown) => void): SubscriberEvents {
  const emitter = new EventEmitter();
  return {
    emit(name, ...args) {
      try {
        emitter.emit(name, ...args);
      } catch (error) {
        onError(error);
      }
    },
    on(name, listener) {
      emitter.on(name, listener as (...args: unknown[]) => void);
    },
  };
}
