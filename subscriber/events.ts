/** What happens in a subscriber, as a contract: logs, metrics and tests hang on these events. */
import { EventEmitter } from "node:events";
import type { TerminalState } from "../protocol/wire/job.ts";
import type { SignalboxError } from "../protocol/error.ts";

/** One attempt, as events name it. */
export interface AttemptName {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly node: string;
  readonly attempt: number;
}

/** Every event and what it carries. */
export interface SubscriberEventMap {
  /** Subscribed and joined: jobs can come. Again after every reconnection. */
  listening: [{ readonly nodes: readonly string[] }];
  /** The subscribing connection is gone; it is being made anew. */
  disconnected: [];
  /** Another subscriber has taken this node. It runs no more jobs here. */
  superseded: [{ readonly node: string; readonly queue: string }];
  "attempt:started": [AttemptName];
  "attempt:ended": [
    AttemptName & {
      readonly state: TerminalState | "released" | "retry";
      readonly durationMs: number;
      readonly code?: string;
      /** Until the next attempt, where the state is `retry`. */
      readonly delayMs?: number;
    },
  ];
  /** The outcome was refused: the attempt had lost its lease to another. */
  "attempt:fenced": [AttemptName];
  /** The lease is gone while the handler runs; its signal has been aborted. */
  "attempt:lost": [AttemptName];
  /** The handler was told to stop and still runs; its slot has been freed all the same. */
  "attempt:unresponsive": [AttemptName];
  "bare:ended": [{ readonly id: string; readonly node: string; readonly ok: boolean }];
  "message:unreadable": [
    { readonly channel: string; readonly reason: string; readonly sample: string },
  ];
  /** Only signed jobs are run here; this was none, or not as it was signed. It is not run. */
  "message:refused": [
    { readonly channel: string; readonly reason: string; readonly sample: string },
  ];
  /** Its times cannot be worked out: it rests until it is changed. */
  "schedule:faulty": [{ readonly id: string; readonly queue: string; readonly reason: string }];
  "results:delivered": [{ readonly count: number }];
  "results:refused": [{ readonly reason: string; readonly retryInMs: number }];
  /** A master of the Cluster has handed queues to another, where nobody listens for us: start anew. */
  "cluster:changed": [{ readonly queues: readonly string[] }];
  /** This Redis may throw jobs away: stop. */
  "redis:refused": [{ readonly reason: string }];
  /** This Redis may lose jobs in ways that its settings could prevent. */
  "redis:doubtful": [{ readonly reason: string }];
  "redis:failed": [
    { readonly during: string; readonly error: SignalboxError; readonly retryInMs: number },
  ];
}

/** A typed emitter whose listeners cannot break the subscriber: what they throw goes to `onError`. */
export interface SubscriberEvents {
  emit<K extends keyof SubscriberEventMap>(name: K, ...args: SubscriberEventMap[K]): void;
  on<K extends keyof SubscriberEventMap>(
    name: K,
    listener: (...args: SubscriberEventMap[K]) => void,
  ): void;
}

/** Creates the emitter. */
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
