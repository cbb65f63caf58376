/**
 * Notices that a Cluster keeps a queue of ours elsewhere by now (a fail-over, slots that were moved): nobody hears
 * what is published there for our nodes. It looks only where there is reason to: a connection was lost, or a call
 * was answered by another master.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { Naming } from "../../protocol/redis/keys.ts";
import type { Config } from "../config/config.ts";
import type { SubscriberEvents } from "../events.ts";
import { createConnection, createRedisPort } from "../connection/ioredis.ts";
import { locate, urlAt, type SlotOwner } from "../connection/slot-owner.ts";

/** What a watch is given. */
export interface ClusterWatchOptions {
  readonly config: Pick<Config, "redisUrl" | "naming">;
  readonly queues: readonly string[];
  /** Queue → its master's URL, as it was at the start. */
  readonly urls: ReadonlyMap<string, string>;
  readonly events: SubscriberEvents;
  readonly signal: AbortSignal;
}

/** Creates the watch. It emits `cluster:changed` at most once. */
export function createClusterWatch(options: ClusterWatchOptions) {
  const { config, queues, urls, events, signal } = options;
  let isLooking = false;
  let hasChanged = false;

  async function lookAnywhere(): Promise<void> {
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
    /** Call where there is reason to look. While it is looking a call changes nothing. */
    look: (): void => {
      if (isLooking || hasChanged || signal.aborted) return;
      isLooking = true;
      void lookAnywhere().finally(() => {
        isLooking = false;
      });
    },
  };
}

/** Where the queues are by the word of one server; null where it does not tell. */
async function ask(
  url: string,
  naming: Naming,
  queues: readonly string[],
): Promise<ReadonlyMap<string, SlotOwner> | null> {
  const connection = createConnection(url);
  connection.on("error", () => undefined); // the next one is asked
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
