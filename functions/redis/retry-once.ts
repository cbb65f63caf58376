/** The one place where a request to Redis is sent again. */
import { SignalboxError } from "../../protocol/error.ts";
import type { RedisPort } from "../../protocol/redis/port.ts";

/**
 * Sends calls a second time where no answer came. Every script may run twice with the same arguments; only repeat-safe
 * calls may go through this.
 */
export function retryOnce(redis: RedisPort, pause: () => Promise<void>): RedisPort {
  return {
    async send(calls) {
      try {
        return await redis.send(calls);
      } catch (error) {
        if (!(error instanceof SignalboxError) || error.code !== "redis_unavailable") throw error;
      }
      await pause();
      return redis.send(calls);
    },
  };
}
