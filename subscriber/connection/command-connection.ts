/**
 * The connection for commands over its life: connects, checks what Redis is, proves itself alive and the nodes registered,
 * reconnects.
 */
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { missingRegistrations, type Registration } from "../../protocol/ledger/registration.ts";
import type { RedisPort } from "../../protocol/redis/port.ts";
import type { Config } from "../config/config.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Assignment } from "../membership/assignment.ts";
import type { Joiner } from "../membership/joiner.ts";
import { createFailureWatch } from "./failure-watch.ts";
import { checkRedis } from "./redis-check.ts";

/** See `createCommandConnection`. */
export interface CommandConnection {
  /** Connects; goes on trying by itself from then on. */
  start(): void;
  /** Ends the connection for good. */
  stop(): void;
}

/** What is read of the subscriber. */
export interface CommandConnectionContext {
  readonly config: Pick<Config, "allowsEviction" | "naming" | "pingMs" | "redisUrl">;
  readonly redis: RedisPort;
  readonly assignments: readonly Assignment[];
  readonly events: SubscriberEvents;
  readonly log: Pick<Logger, "debug">;
}

/** What the connection is given besides. */
export interface CommandConnectionParts {
  readonly commands: Redis;
  /** The reply to `INFO`, if it has been asked already. */
  readonly info: string | undefined;
  /**
   * Joins after each reconnection, because a `finish` whose answer was lost may have leased jobs to this process, and when
   * a registration is lost.
   */
  readonly joiner: Joiner;
}

/** Creates it. */
export function createCommandConnection(
  { config, redis, assignments, events, log }: CommandConnectionContext,
  { commands, info, joiner }: CommandConnectionParts,
): CommandConnection {
  /** Runs from `start` to `stop`. Without it the first job after a long rest would find the connection dead. */
  let heartbeat: NodeJS.Timeout | undefined;
  let isFirst = true;
  /** Counts the proofs of life: each asks one queue, in turn. */
  let proofs = 0;
  const failures = createFailureWatch({ url: config.redisUrl, events });

  /** The nodes that a queue should have, by queue. */
  function expected(): ReadonlyMap<string, readonly Registration[]> {
    const queues = new Map<string, Registration[]>();
    for (const { phase, epoch, queue, node } of assignments) {
      if (phase !== "live" || epoch === null) continue;
      queues.set(queue, [...(queues.get(queue) ?? []), { node, epoch }]);
    }
    return queues;
  }

  /**
   * One command, whose answer proves the connection alive, and that one queue knows its nodes. `FLUSHALL`, `SWAPDB` or a
   * dump that is restored take them from all queues and leave the connection as it is.
   */
  async function prove(): Promise<void> {
    const queues = [...expected()];
    const [queue, nodes] = queues[proofs++ % Math.max(1, queues.length)] ?? [];
    if (queue === undefined || nodes === undefined) {
      await redis.send([{ command: ["PING"] }]);
      return;
    }
    const missing = await missingRegistrations(redis, config.naming, queue, nodes);
    // Meanwhile the node may have been left, or be another's.
    const still = missing.filter(({ node, epoch }) =>
      assignments.some(
        (each) =>
          each.queue === queue &&
          each.node === node &&
          each.epoch === epoch &&
          each.phase === "live",
      ),
    );
    if (still.length === 0) return;
    events.emit("registration:lost", { queue, nodes: still.map(({ node }) => node) });
    joiner.join();
  }

  function onReady(): void {
    failures.reached();
    if (isFirst) {
      const { allowsEviction } = config;
      checkRedis({ redis, events, info, allowsEviction }).catch(() => undefined); // INFO may be forbidden
    } else joiner.join();
    isFirst = false;
  }

  return {
    start(): void {
      commands.on("ready", onReady);
      if (commands.status === "ready") onReady();
      commands.on("error", (error: Error) => {
        log.debug({ reason: error.message }, "command connection");
        failures.failed(error);
      });
      heartbeat = setInterval(() => {
        // What fails here fails because the connection does, which is noticed by itself.
        if (commands.status === "ready") prove().catch(() => undefined);
      }, config.pingMs);
      commands.connect().catch(() => undefined); // reported by the error event, and tried again
    },
    stop(): void {
      clearInterval(heartbeat);
      commands.disconnect();
    },
  };
}
