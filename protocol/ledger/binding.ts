/** What the ledgers share: where they are, how scripts are called, which arguments every placing script takes. */
import type { JobSigner } from "../signing/job.ts";
import {
  controlChannel,
  dispatchChannelPrefix,
  resultChannel,
  type Naming,
} from "../redis/keys.ts";
import type { Call, RedisPort, Reply } from "../redis/port.ts";

/** Durations of the ledger, in milliseconds. All parts of a deployment must agree on them. */
export interface Timing {
  /** Lease of a delivery until its node is heard of. @default 10_000 */
  readonly unacknowledgedMs: number;
  /** Lease from each renewal on. @default 30_000 */
  readonly leaseMs: number;
  /** Lease of a job sent to a foreign node, which renews nothing. @default 300_000 */
  readonly foreignMs: number;
}

export const defaultTiming: Timing = {
  unacknowledgedMs: 10_000,
  leaseMs: 30_000,
  foreignMs: 300_000,
};

/** Where the ledger is and how it is reached. */
export interface LedgerOptions {
  readonly redis: RedisPort;
  readonly naming: Naming;
  readonly timing: Timing;
  /** Signs what is dispatched; nothing is signed if absent. */
  readonly signer?: JobSigner;
  /** Simulated time, for tests: milliseconds, never going back. Redis's own clock if absent. */
  readonly simulatedNow?: () => number;
}

/** One queue's answer. */
export interface OfQueue<Result> {
  readonly queue: string;
  readonly value: Result;
}

/** Binds calls to a Redis and a naming. */
export function bind({ redis, naming, timing, simulatedNow }: LedgerOptions) {
  const clock = (): string =>
    simulatedNow === undefined ? "*" : `${Math.floor(simulatedNow())}-*`;

  /** Arguments of every script that places jobs. */
  const placing = (queue: string) => ({
    queue,
    channel: dispatchChannelPrefix(naming),
    control: controlChannel(naming),
    unacknowledged_ms: timing.unacknowledgedMs,
    foreign_ms: timing.foreignMs,
    clock: clock(),
  });

  /** Arguments of every script that also ends jobs. */
  const publishing = (queue: string) => ({
    ...placing(queue),
    results_channel: resultChannel(naming),
  });

  const run = async <Result>(call: Call, parse: (reply: Reply) => Result): Promise<Result> => {
    const [reply] = await redis.send([call]);
    return parse(reply ?? null);
  };

  /** Runs one script on each of `queues`, in one round trip. */
  const onEach = async <Result>(
    queues: readonly string[],
    call: (queue: string) => Call,
    parse: (reply: Reply) => Result,
  ): Promise<readonly OfQueue<Result>[]> => {
    const replies = await redis.send(queues.map(call));
    return queues.map((queue, at) => ({ queue, value: parse(replies[at] ?? null) }));
  };

  return { clock, placing, publishing, run, onEach };
}
