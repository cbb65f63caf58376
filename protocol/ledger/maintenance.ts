/**
 * What the passing of time does to the ledger, in domain words: called by the tick, and by subscribers when
 * something is due. Each method is one round trip and may be repeated.
 */
import { bind, type LedgerOptions } from "./binding.ts";
import { dispatchChannelPrefix, queueKeys } from "../redis/keys.ts";
import type { Call } from "../redis/port.ts";
import { recover } from "../scripts/recover.ts";
import { listUndelivered } from "../scripts/list-undelivered.ts";
import { prune } from "../scripts/prune.ts";
import { retryParked } from "../scripts/retry-parked.ts";
import { runDue } from "../scripts/run-due.ts";

/** How long ended jobs are kept: milliseconds and counts, per queue. */
export interface Retention {
  /** @default 86_400_000 */
  readonly retentionMs: number;
  /** @default 100_000 */
  readonly maxFinished: number;
  /** The failed set's own. @default 604_800_000 */
  readonly failedMs: number;
  /** @default 10_000 */
  readonly maxFailed: number;
  /** Results that were never recorded. @default 604_800_000 */
  readonly outboxMs: number;
}

/** See `createUpkeep`. */
export type Maintenance = ReturnType<typeof createMaintenance>;

/** Binds the scripts to a Redis and a naming. */
export function createMaintenance(options: LedgerOptions) {
  const { redis, naming } = options;
  const { clock, placing, publishing, onEach } = bind(options);

  return {
    /** Takes entries out of the outbox: their results are recorded. Answers how many still were in it. */
    async ack(entries: ReadonlyMap<string, readonly string[]>): Promise<number> {
      const calls = [...entries].flatMap(([queue, ids]): Call[] =>
        ids.length === 0 ? [] : [{ command: ["XDEL", queueKeys(naming, queue).outbox, ...ids] }],
      );
      if (calls.length === 0) return 0;
      const replies = await redis.send(calls);
      return replies.reduce<number>((sum, reply) => sum + Number(reply), 0);
    },

    /** Results that have waited in the outboxes for `graceMs` or more; at most `limit` entries a queue. */
    undelivered(queues: readonly string[], graceMs: number, limit: number) {
      return onEach(
        queues,
        (queue) =>
          listUndelivered.call({
            keys: queueKeys(naming, queue),
            args: { grace_ms: graceMs, limit, clock: clock() },
          }),
        listUndelivered.parse,
      );
    },

    /** Gives out again what is leased to nodes that were not heard of in time. */
    recover(queues: readonly string[], limit: number) {
      return onEach(
        queues,
        (queue) =>
          recover.call({ keys: queueKeys(naming, queue), args: { ...publishing(queue), limit } }),
        recover.parse,
      );
    },

    /** Does what is due: delayed jobs, retries, deadlines. At most `schedules` that are due are named: see `due.ts`. */
    runDue(queues: readonly string[], limit: number, schedules = 0) {
      return onEach(
        queues,
        (queue) =>
          runDue.call({
            keys: queueKeys(naming, queue),
            args: { ...publishing(queue), limit, max_schedules: schedules },
          }),
        runDue.parse,
      );
    },

    /** Tries again jobs that wait for one node. Answers how many still do. */
    retryParked(queues: readonly string[], limit: number) {
      return onEach(
        queues,
        (queue) =>
          retryParked.call({ keys: queueKeys(naming, queue), args: { ...placing(queue), limit } }),
        retryParked.parse,
      );
    },

    /** Forgets finished jobs that are past their retention. */
    prune(queues: readonly string[], keep: Retention) {
      const args = {
        channel: dispatchChannelPrefix(naming),
        retention_ms: keep.retentionMs,
        max_finished: keep.maxFinished,
        failed_ms: keep.failedMs,
        max_failed: keep.maxFailed,
        outbox_ms: keep.outboxMs,
      };
      return onEach(
        queues,
        (queue) =>
          prune.call({ keys: queueKeys(naming, queue), args: { ...args, clock: clock() } }),
        prune.parse,
      );
    },
  };
}
