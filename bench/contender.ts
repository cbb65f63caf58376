/**
 * The interface of every system under test. It gets two processes: one calls, one runs the jobs. Each system has one
 * file in `contenders/`; nothing else knows its library.
 */

/** The payload of a job: about 100 bytes as JSON. */
export interface Payload {
  readonly n: number;
  /** When its call started, by `monotonicMs`. */
  readonly at: number;
  readonly pad: string;
}

/** How the process that runs the jobs is set up. */
export interface ConsumeOptions {
  readonly url: string;
  /** How many jobs run concurrently. */
  readonly slots: number;
  /** Distinguishes it from other consumers of the same queue. */
  readonly node: string;
  /** The handler. */
  readonly run: (payload: Payload) => Promise<number>;
  /** Called when `count` more results are stored in Redis and known to the recorder. */
  readonly onRecorded: (count: number) => void;
}

/** A side that can be closed. */
export interface Side {
  readonly close: () => Promise<void>;
}

/** How the calling process is set up. */
export interface ConnectOptions {
  readonly url: string;
  /** Whether it must receive the result of each job. In batches peers need not, which saves them work. */
  readonly hears: boolean;
}

/** The calling side. */
export interface Caller extends Side {
  /** Sends one job and resolves when its result is known here. Only for a caller that `hears`. */
  readonly call: (payload: Payload) => Promise<void>;
  /** Sends all jobs in one call; resolves when they are accepted. */
  readonly add: (payloads: readonly Payload[]) => Promise<void>;
  /** Resolves when all results that this side receives have come. */
  readonly settled: () => Promise<void>;
}

/** One system under test. */
export interface Contender {
  /** Resolves when jobs can come. */
  readonly consume: (options: ConsumeOptions) => Promise<Side>;
  /** Resolves when it can be called. */
  readonly connect: (options: ConnectOptions) => Promise<Caller>;
}

/** All systems, in the order in which they are shown. */
export const contenderNames = ["signalbox", "bullmq", "bull", "bee-queue", "raw-echo"] as const;
export type ContenderName = (typeof contenderNames)[number];

/** The systems that keep a job in Redis until it has ended: all but the bare echo. */
export const queueNames = ["signalbox", "bullmq", "bull", "bee-queue"] as const;

/** When a job of each system counts as finished. */
export const finishedWhen: Readonly<Record<ContenderName, string>> = {
  signalbox: "result stored, received by the caller on CHANNEL_RESULT, and removed from the outbox",
  bullmq: "completed, job and result kept; waitUntilFinished, in batches the worker's `completed`",
  bull: "completed, job and result kept; `global:completed`, in batches the worker's `completed`",
  "bee-queue": "succeeded, job kept; `job succeeded`, in batches the worker's `succeeded`",
  "raw-echo": "PUBLISH there and back; nothing is stored: the limit, not a queue",
};

/** The time in milliseconds, on a clock that all processes of one machine share. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
