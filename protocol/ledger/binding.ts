/**
 * What all ledgers share: where they are, how their scripts are called, and the arguments that every placing script
 * takes. Replies are read here, one for each call: a missing reply throws.
 */
import type { Naming } from "../redis/keys.ts";
import { controlChannel, dispatchChannelPrefix, queuesKey, resultChannel } from "../redis/keys.ts";
import type { Call, RedisPort, Reply } from "../redis/port.ts";
import { exactly, itemAt } from "../redis/reply.ts";
import type { JobSigner } from "../signing/job.ts";
import { defaultQueue } from "../wire/names.ts";

/** Durations of the ledger, in milliseconds. All parts of a deployment must agree on them. */
export interface Timing {
  /** Lease of a delivery until its node acknowledges it by a renewal. @default 10_000 */
  readonly unacknowledgedMs: number;
  /** Lease after each renewal. @default 30_000 */
  readonly leaseMs: number;
  /** Lease of a job sent to a foreign node, which never renews. @default 300_000 */
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
  /** Signs jobs and schedules as they are dispatched; without one nothing is signed. */
  readonly signer?: JobSigner;
  /** Simulated time, for tests: milliseconds that never go back. Without it, Redis's own clock counts. */
  readonly simulatedNow?: () => number;
}

/** One queue's answer. */
export interface OfQueue<Result> {
  readonly queue: string;
  readonly value: Result;
}

/** Jobs or schedules by queue. */
export type Groups<Item> = ReadonlyMap<string, readonly Item[]>;

/** Arguments of every script that places jobs. */
export interface PlacingArgs {
  readonly queue: string;
  readonly channel: string;
  readonly control: string;
  readonly unacknowledged_ms: number;
  readonly foreign_ms: number;
  readonly clock: string;
}

/** Arguments of every script that also ends jobs. */
export interface PublishingArgs extends PlacingArgs {
  readonly results_channel: string;
}

/** A Redis and a naming, as the ledgers use them. */
export interface Binding {
  /** What scripts take as their clock: `*` for Redis's own, or a stream id with simulated time. */
  readonly clock: () => string;

  /** Arguments of a script that places jobs of `queue`. */
  readonly placing: (queue: string) => PlacingArgs;

  /** Arguments of a script that places and ends jobs of `queue`. */
  readonly publishing: (queue: string) => PublishingArgs;

  /**
   * Sends one call and reads its reply.
   * @throws SignalboxError what the port throws, or `reply_unexpected`
   */
  readonly run: <Result>(call: Call, parse: (reply: Reply) => Result) => Promise<Result>;

  /**
   * Sends one call for each of `queues`, all in one round trip, and reads the replies. Answers in the order of `queues`.
   * The calls are not one transaction: if one fails, others may have been applied.
   * @throws SignalboxError what the port throws, or `reply_unexpected`
   */
  readonly onEach: <Result>(
    queues: readonly string[],
    call: (queue: string, at: number) => Call,
    parse: (reply: Reply) => Result,
  ) => Promise<readonly OfQueue<Result>[]>;

  /**
   * As `onEach`, for groups of jobs or schedules that may be the first of their queues: adds the queues to the set of all
   * queues before, in the same round trip. Answers with the groups, in their order.
   */
  readonly onEachGroup: <Item, Result>(
    groups: Groups<Item>,
    call: (queue: string, items: readonly Item[]) => Call,
    parse: (reply: Reply) => Result,
  ) => Promise<readonly (OfQueue<Result> & { readonly items: readonly Item[] })[]>;
}

/** Binds calls to a Redis and a naming. */
export function bind({ redis, naming, timing, simulatedNow }: LedgerOptions): Binding {
  const clock = (): string =>
    simulatedNow === undefined ? "*" : `${Math.floor(simulatedNow())}-*`;

  const placing = (queue: string): PlacingArgs => ({
    queue,
    channel: dispatchChannelPrefix(naming),
    control: controlChannel(naming),
    unacknowledged_ms: timing.unacknowledgedMs,
    foreign_ms: timing.foreignMs,
    clock: clock(),
  });

  const repliesTo = async (calls: readonly Call[]) =>
    exactly(await redis.send(calls), calls.length, "replies");

  return {
    clock,
    placing,
    publishing: (queue) => ({
      ...placing(queue),
      results_channel: resultChannel(naming),
    }),

    run: async (call, parse) => parse(itemAt(await repliesTo([call]), 0, "a reply")),

    async onEach(queues, call, parse) {
      const replies = await repliesTo(queues.map(call));
      return queues.map((queue, at) => ({ queue, value: parse(itemAt(replies, at, "a reply")) }));
    },

    async onEachGroup(groups, call, parse) {
      const entries = [...groups];
      const calls = entries.map(([queue, items]) => call(queue, items));
      const named = entries.map(([queue]) => queue).filter((queue) => queue !== defaultQueue);
      const known: Call = { command: ["SADD", queuesKey(naming), ...named] };
      const replies = await repliesTo(named.length === 0 ? calls : [known, ...calls]);
      const own = replies.slice(-calls.length);
      return entries.map(([queue, items], at) => ({
        queue,
        items,
        value: parse(itemAt(own, at, "a reply")),
      }));
    },
  };
}

/** Groups jobs or schedules by queue, the queues in the order of their first member. */
export function byQueue<Item extends { readonly queue: string }>(
  items: readonly Item[],
): Groups<Item> {
  return Map.groupBy(items, ({ queue }) => queue);
}
