/**
 * What every system under test can do, in the two processes that it is given: one calls, one runs
 * the jobs. One file per system in `contenders/`; nothing else knows their libraries.
 */

/** What a job carries: about 100 bytes as JSON. */
export interface Payload {
  readonly n: number;
  /** When its call started, in milliseconds of `monotonicMs`. */
  readonly at: number;
  readonly pad: string;
}

/** How the process that runs the jobs is set up. */
export interface ConsumeOptions {
  readonly url: string;
  /** Jobs run at once. */
  readonly slots: number;
  /** Tells it from other consumers of the same queue. */
  readonly node: string;
  /** The job itself, called when it is started. */
  readonly run: (payload: Payload) => Promise<number>;
  /** Called as results become durable in Redis, and known to whoever records them. */
  readonly onRecorded: (count: number) => void;
}

/** A side that can be closed. */
export interface Side {
  readonly close: () => Promise<void>;
}

/** How the calling process is set up. */
export interface ConnectOptions {
  readonly url: string;
  /** Whether it must hear the result of each job; in batches peers need not, and save themselves the work. */
  readonly hears: boolean;
}

/** The calling side. */
export interface Caller extends Side {
  /** Sends one job and resolves when its result is known here. Only where it `hears`. */
  readonly call: (payload: Payload) => Promise<void>;
  /** Sends all in one call; resolves when they are accepted. */
  readonly add: (payloads: readonly Payload[]) => Promise<void>;
  /** Resolves when all results that this side is told of have come. */
  readonly settled: () => Promise<void>;
}

/** One system under test. */
export interface Contender {
  /** Resolves when jobs can come. */
  readonly consume: (options: ConsumeOptions) => Promise<Side>;
  /** Resolves when it can be called. */
  readonly connect: (options: ConnectOptions) => Promise<Caller>;
}

/** All of them, in the order in which they are shown. */
export const contenderNames = ["signalbox", "bullmq", "bull", "bee-queue", "raw-echo"] as const;
export type ContenderName = (typeof contenderNames)[number];

/** Those that keep a job in Redis until it has ended: all but the bare echo. */
export const queueNames = ["signalbox", "bullmq", "bull", "bee-queue"] as const;

/** When a job counts as finished, for the table's foot. */
export const finishedWhen: Readonly<Record<ContenderName, string>> = {
  signalbox: "result stored, heard by the caller on CHANNEL_RESULT, and taken out of the outbox",
  bullmq: "completed, job and result kept; waitUntilFinished, in batches the worker's `completed`",
  bull: "completed, job and result kept; `global:completed`, in batches the worker's `completed`",
  "bee-queue": "succeeded, job kept; `job succeeded`, in batches the worker's `succeeded`",
  "raw-echo": "PUBLISH there and back; nothing is stored: the limit, not a queue",
};

/** Milliseconds of the clock that all processes of one machine share. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
