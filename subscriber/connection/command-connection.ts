/** The connection for commands over its life: connects, checks what Redis is, proves itself alive, reconnects. */
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { RedisPort } from "../../protocol/redis/port.ts";
import type { Config } from "../config/config.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Joiner } from "../membership/joiner.ts";
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
  readonly config: Pick<Config, "allowsEviction" | "pingMs">;
  readonly redis: RedisPort;
  readonly events: SubscriberEvents;
  readonly log: Pick<Logger, "debug">;
}

/** What the connection is given besides. */
export interface CommandConnectionParts {
  readonly commands: Redis;
  /** The reply to `INFO`, if it has been asked already. */
  readonly info: string | undefined;
  /** Joins after each reconnection: a `finish` whose answer was lost may have leased jobs to this process. */
  readonly joiner: Joiner;
}

/** Creates it. */
export function createCommandConnection(
  { config, redis, events, log }: CommandConnectionContext,
  { commands, info, joiner }: CommandConnectionParts,
): CommandConnection {
  /** Runs from `start` to `stop`. Without it the first job after a long rest would find the connection dead. */
  let heartbeat: NodeJS.Timeout | undefined;
  let isFirst = true;

  function onReady(): void {
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
      });
      heartbeat = setInterval(() => {
        if (commands.status === "ready") redis.send([{ command: ["PING"] }]).catch(() => undefined);
      }, config.pingMs);
      commands.connect().catch(() => undefined); // reported by the error event, and tried again
    },
    stop(): void {
      clearInterval(heartbeat);
      commands.disconnect();
    },
  };
}
