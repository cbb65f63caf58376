/**
 * The ledger as time passes: leases that end, jobs that come due, results that nobody has delivered, jobs that are old.
 * Called by the tick, and by subscribers when something is due. Each method may be repeated, and is one round trip
 * unless it says otherwise.
 */
import { dispatchChannelPrefix, queueKeys } from "../redis/keys.ts";
import type { Call } from "../redis/port.ts";
import { exactly, number } from "../redis/reply.ts";
import { listUndelivered, type OutboxEntry } from "../scripts/list-undelivered.ts";
import { prune, type Pruned } from "../scripts/prune.ts";
import { recover, type Recovered } from "../scripts/recover.ts";
import { retryParked } from "../scripts/retry-parked.ts";
import { type FoundDue, runDue } from "../scripts/run-due.ts";
import { setAside } from "../scripts/set-aside.ts";
import { bind, type LedgerOptions, type OfQueue } from "./binding.ts";

/** How long ended jobs are kept: milliseconds and counts, per queue. */
export interface Retention {
  /** Age at which an ended job is deleted. @default 86_400_000 */
  readonly retentionMs: number;
  /** Ended jobs beyond this number are deleted, the oldest first. @default 100_000 */
  readonly maxFinished: number;
  /** Age at which a failed job is deleted, in place of `retentionMs`. @default 604_800_000 */
  readonly failedMs: number;
  /** Failed jobs beyond this number are deleted, the oldest first. @default 10_000 */
  readonly maxFailed: number;
  /** Age at which a result that was never recorded is dropped from the outbox. @default 604_800_000 */
  readonly outboxMs: number;
}

/** An outbox entry of which some or all results could not be recorded. */
export interface PartlyRecorded {
  readonly queue: string;
  readonly entry: string;
  /** What is left of it: each of these becomes an entry of its own. What is in none of them is recorded. */
  readonly rest: readonly RestOfEntry[];
}

/** Results that stay together. */
export interface RestOfEntry {
  /** The results as JSON text: one message or an array. */
  readonly text: string;
  /** The ids of their jobs. */
  readonly ids: readonly string[];
}

/**
 * What the tick and the subscribers do to queues. Methods that take `queues` answer for each, in their order, and
 * throw what the port throws, or `reply_unexpected`; then some queues may have been done and others not.
 */
export interface Maintenance {
  /**
   * Removes entries from the outboxes: the function has recorded their results (`XDEL`, no script). `entries` maps a
   * queue to stream ids. Resolves to how many were still there; repeated, to 0.
   */
  ack(entries: ReadonlyMap<string, readonly string[]>): Promise<number>;

  /**
   * Takes each entry out and puts its `rest` back as new entries behind all others, so that what could not be recorded
   * holds up nothing else. Answers for each entry the ids of the new ones, in the order of its `rest`; `[null]` where
   * they have waited for more than `outboxMs` and are dropped; `[]` where no such entry was left, as after a
   * repetition. About 4 MiB go in one round trip. Script `set-aside`: seven commands an entry, or eight.
   */
  setAside(
    entries: readonly PartlyRecorded[],
    outboxMs: number,
  ): Promise<readonly (readonly (string | null)[])[]>;

  /**
   * Lists the outbox entries that are `graceMs` old or older, the oldest first: at most `limit` of each queue, and about
   * 1 MiB, but at least one. Changes nothing. Script `list-undelivered`.
   */
  undelivered(
    queues: readonly string[],
    graceMs: number,
    limit: number,
  ): Promise<readonly OfQueue<readonly OutboxEntry[]>[]>;

  /**
   * Takes back up to `limit` leases of each queue that have ended, and places their jobs again; ends a job that is out
   * of attempts. Takes the nodes out of service and asks them to join again. Says when the next lease ends. Repeated,
   * it finds only leases that have ended since. Script `recover`.
   */
  recover(queues: readonly string[], limit: number): Promise<readonly OfQueue<Recovered>[]>;

  /**
   * Handles up to `limit` due items of each queue: places delayed jobs and retries, ends jobs whose deadline has passed,
   * deletes ended schedules. Names up to `schedules` due schedules (none by default) and leaves them due: `due.ts` plans
   * their runs. Says when the next item is due. Each item is removed as it is handled, so a repetition handles no item
   * twice. Script `run-due`.
   */
  runDue(
    queues: readonly string[],
    limit: number,
    schedules?: number,
  ): Promise<readonly OfQueue<FoundDue>[]>;

  /**
   * Tries again to place jobs that wait for one node: up to `limit` nodes of each queue and `limit` jobs of each node.
   * Resolves to how many jobs of the nodes that it tried still wait. Script `retry-parked`.
   */
  retryParked(queues: readonly string[], limit: number): Promise<readonly OfQueue<number>[]>;

  /**
   * Deletes ended jobs that are past their retention, outbox entries past their age, and rows of nodes that are as long
   * gone. Handles about 3,000 jobs of each queue; `more` says that a further call would find more. Script `prune`.
   */
  prune(queues: readonly string[], keep: Retention): Promise<readonly OfQueue<Pruned>[]>;
}

/** Binds the scripts to a Redis and a naming. */
export function createMaintenance(options: LedgerOptions): Maintenance {
  const { redis, naming } = options;
  const { clock, placing, publishing, onEach } = bind(options);

  return {
    async ack(entries) {
      const calls = [...entries].flatMap(([queue, ids]): Call[] =>
        ids.length === 0 ? [] : [{ command: ["XDEL", queueKeys(naming, queue).outbox, ...ids] }],
      );
      if (calls.length === 0) return 0;
      const replies = exactly(await redis.send(calls), calls.length, "replies");
      return replies.reduce<number>((sum, reply) => sum + number(reply), 0);
    },

    async setAside(entries, outboxMs) {
      const moved: (readonly (string | null)[])[] = [];
      for (const some of inRequests(entries)) {
        const calls = some.map(({ queue, entry, rest }) =>
          setAside.call({
            keys: queueKeys(naming, queue),
            args: { entry, outbox_ms: outboxMs, clock: clock() },
            list: rest.flatMap(({ text, ids }) => [text, ids.join(" ")]),
          }),
        );
        const replies = exactly(await redis.send(calls), calls.length, "replies");
        moved.push(...replies.map(setAside.parse));
      }
      return moved;
    },

    undelivered: (queues, graceMs, limit) =>
      onEach(
        queues,
        (queue) =>
          listUndelivered.call({
            keys: queueKeys(naming, queue),
            args: { grace_ms: graceMs, limit, clock: clock() },
          }),
        listUndelivered.parse,
      ),

    recover: (queues, limit) =>
      onEach(
        queues,
        (queue) =>
          recover.call({ keys: queueKeys(naming, queue), args: { ...publishing(queue), limit } }),
        recover.parse,
      ),

    runDue: (queues, limit, schedules = 0) =>
      onEach(
        queues,
        (queue) =>
          runDue.call({
            keys: queueKeys(naming, queue),
            args: { ...publishing(queue), limit, max_schedules: schedules },
          }),
        runDue.parse,
      ),

    retryParked: (queues, limit) =>
      onEach(
        queues,
        (queue) =>
          retryParked.call({ keys: queueKeys(naming, queue), args: { ...placing(queue), limit } }),
        retryParked.parse,
      ),

    prune: (queues, keep) => {
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

/** Characters of text in one request: the hosted Redis takes 10 MB, and quotes in JSON within JSON take another byte. */
const maxRequestChars = 4_194_304;

/** Cuts into runs that fit in one request each; a single entry always does. */
function inRequests(entries: readonly PartlyRecorded[]): readonly (readonly PartlyRecorded[])[] {
  const requests: PartlyRecorded[][] = [];
  let chars = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const own = entry.rest.reduce((sum, { text }) => sum + text.length, 0);
    chars += own;
    const last = requests.at(-1);
    if (last !== undefined && chars <= maxRequestChars) last.push(entry);
    else {
      requests.push([entry]);
      chars = own;
    }
  }
  return requests;
}
