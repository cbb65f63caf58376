/**
 * Notices that a Cluster keeps one of this process's queues at another master by now (a fail-over, slots that were
 * moved): there nobody hears what is published for its nodes. It asks only after a sign of that: a connection was lost,
 * or a call was answered by another master.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { Naming } from "../../protocol/redis/keys.ts";
import type { Config } from "../config/config.ts";
import { createConnection, createRedisPort } from "../connection/ioredis.ts";
import { locate, type SlotOwner, urlAt } from "../connection/slot-owner.ts";
import type { SubscriberEvents } from "../events.ts";

/** See `createClusterWatch`. */
export interface ClusterWatch {
  /** Asks the Cluster where the queues are; while it is asking, a call changes nothing. Returns immediately. */
  readonly check: () => void;
}

/** What a watch is given. */
export interface ClusterWatchOptions {
  readonly config: Pick<Config, "redisUrl" | "naming">;
  readonly queues: readonly string[];
  /** Queue → its master's URL, as it was at the start. */
  readonly urls: ReadonlyMap<string, string>;
  readonly events: SubscriberEvents;
  /** Once aborted, it asks no more. */
  readonly signal: AbortSignal;
}

/** Creates the watch. It emits `cluster:changed` at most once. */
export function createClusterWatch(options: ClusterWatchOptions): ClusterWatch {
  const { config, queues, urls, events, signal } = options;
  let isChecking = false;
  let hasChanged = false;

  /** Asks one server after the other until one answers. */
  async function findChange(): Promise<void> {
    for (const url of new Set([config.redisUrl, ...urls.values()])) {
      const owners = await ask(url, config.naming, queues);
      if (owners === null) continue;
      const moved = [...owners].flatMap(([queue, owner]) =>
        urlAt(url, owner) === urls.get(queue) ? [] : queue,
      );
      if (moved.length === 0 || signal.aborted) return;
      hasChanged = true;
      events.emit("cluster:changed", { queues: moved });
      return;
    }
  }

  return {
    check: () => {
      if (isChecking || hasChanged || signal.aborted) return;
      isChecking = true;
      void findChange().finally(() => {
        isChecking = false;
      });
    },
  };
}

/** Where the queues are according to one server; null if it does not answer. */
async function ask(
  url: string,
  naming: Naming,
  queues: readonly string[],
): Promise<ReadonlyMap<string, SlotOwner> | null> {
  const connection = createConnection(url);
  connection.on("error", () => undefined); // the next server is asked
  try {
    await connection.connect();
    return await locate(createRedisPort(connection), naming, queues);
  } catch (error) {
    if (error instanceof SignalboxError || connection.status !== "ready") return null;
    throw error;
  } finally {
    connection.disconnect();
  }
}
