/**
 * What the guard does while the event loop is blocked: it connects to Redis, renews the leases of all attempts, keeps the
 * deliveries that nobody has read yet, and ends attempts whose time-outs pass. Redis may be away as well: what fails is
 * tried again, quietly, as long as the event loop stays blocked.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { SignalboxError } from "../../protocol/error.ts";
import { createJobLedger, type JobLedger } from "../../protocol/ledger/jobs.ts";
import { createNodeLedger, type NodeLedger } from "../../protocol/ledger/nodes.ts";
import { itemAt } from "../../protocol/redis/reply.ts";
import { createConnection, createRedisPort } from "../connection/ioredis.ts";
import { endBlocked } from "./end-blocked.ts";
import type { GuardSettings } from "./guard.ts";
import type { GuardedAttempt, TableReader } from "./table.ts";
import { guardMarginMs } from "./timing.ts";

/** How many leases one call renews. */
const maxLeases = 1_000;
/** How often it looks whether the event loop is free, in milliseconds. */
const lookMs = 50;

/** What a holder is given. */
export interface HolderOptions {
  readonly config: GuardSettings["config"];
  readonly table: TableReader;
  /** In milliseconds of the subscriber's `performance.now()`. */
  readonly now: () => number;
  readonly isBlocked: () => boolean;
  /** Called with each attempt that was ended. */
  readonly onEnded: (attempt: { readonly queue: string; readonly member: string }) => void;
}

/** See `createHolder`. */
export interface Holder {
  /** Whether there is an attempt whose lease must be kept, or that must be ended. */
  hasWork(): boolean;
  /** Acts until the event loop is free or there is no work. Never rejects; leaves no connection. */
  hold(): Promise<void>;
}

/** The ledgers, while they are connected. */
interface Ledgers {
  readonly nodes: NodeLedger;
  readonly jobs: JobLedger;
}

/** Creates it; nothing is connected before `hold`. */
export function createHolder(options: HolderOptions): Holder {
  const { config, table, now, isBlocked, onEnded } = options;
  const { naming, timing, assignments, maxResultBytes } = config;
  /** The attempts with which nothing more can be done, by state: their leases are lost, or they were ended. */
  const settled = new Set<number>();
  const everyMs = Math.min(timing.unacknowledgedMs, timing.leaseMs) / 3;

  const working = () => table.list().filter(({ state }) => !settled.has(state));
  const nodeOf = ({ assignment }: GuardedAttempt) =>
    itemAt(assignments, assignment, "an assignment");

  async function renewIn(nodes: NodeLedger, queue: string, some: readonly GuardedAttempt[]) {
    for (let from = 0; from < some.length; from += maxLeases) {
      const part = some.slice(from, from + maxLeases);
      const lost = await nodes.renew(
        queue,
        part.map(({ member }) => member),
      );
      for (const index of lost) settled.add(itemAt(part, index, "a lease to renew").state);
    }
  }

  async function renew({ nodes }: Ledgers): Promise<void> {
    const byQueue = Map.groupBy(working(), (attempt) => nodeOf(attempt).queue);
    await Promise.all([...byQueue].map(([queue, some]) => renewIn(nodes, queue, some)));
    await Promise.all(
      assignments.map(async ({ node, queue }, index) => {
        const epoch = table.epochOf(index);
        if (epoch > 0) await nodes.hold(queue, { node, epoch: String(epoch) });
      }),
    );
  }

  /** Ends the attempts whose time-outs have passed. Each is settled then, whatever the ledger answered. */
  async function endOverdue(ledgers: Ledgers): Promise<void> {
    for (const attempt of working().filter(({ endsAt }) => endsAt <= now())) {
      const { queue } = nodeOf(attempt);
      const isStillRunning = () => isBlocked() && table.has(attempt);
      const ended = { ...attempt, queue, now: now(), isStillRunning };
      const hasEnded = await endBlocked(ended, { ...ledgers, maxResultBytes });
      settled.add(attempt.state);
      if (hasEnded) onEnded({ queue, member: attempt.member });
    }
  }

  async function hold(): Promise<void> {
    const connection = createConnection(config.redisUrl);
    connection.on("error", () => undefined); // its calls fail
    connection.connect().catch(() => undefined); // it goes on trying by itself
    const redis = createRedisPort(connection);
    const bound = { redis, naming, timing };
    const ledgers = { nodes: createNodeLedger(bound), jobs: createJobLedger(bound) };
    let [renewAt, retryAt] = [-Infinity, -Infinity];
    try {
      while (isBlocked() && !table.isStopped() && working().length > 0) {
        if (connection.status === "ready" && now() >= retryAt) {
          try {
            await endOverdue(ledgers);
            if (now() >= renewAt) {
              await renew(ledgers);
              renewAt = now() + everyMs;
            }
          } catch (error) {
            if (!(error instanceof SignalboxError)) throw error;
            retryAt = now() + Math.min(1_000, everyMs / 3);
          }
        }
        await pause(Math.min(lookMs, guardMarginMs(timing) / 4));
      }
    } finally {
      await close(connection);
      const left = new Set(table.list().map(({ state }) => state));
      for (const state of settled) if (!left.has(state)) settled.delete(state);
    }
  }

  return { hasWork: () => working().length > 0, hold };
}

/** This thread is about to stop its event loop, which must have closed the socket by then. */
async function close(connection: Redis): Promise<void> {
  const ended = new Promise((resolve) => connection.once("end", resolve));
  connection.disconnect();
  streamOf(connection)?.destroy();
  await Promise.race([ended, pause(lookMs)]);
}

/** There is none before the first connection, whatever the client's types say. */
function streamOf({ stream }: Redis): Redis["stream"] | undefined {
  return stream;
}
