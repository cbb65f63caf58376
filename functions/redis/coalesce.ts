/** Sends calls that are made together in one request: the cost of a tick is its number of requests. */
import { SignalboxError } from "../../protocol/error.ts";
import type { Call, RedisPort, Reply } from "../../protocol/redis/port.ts";

interface Asked {
  readonly calls: readonly Call[];
  readonly resolve: (replies: readonly Reply[] | Promise<readonly Reply[]>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Coalesces the calls of one turn of the event loop. Where Redis refuses a call, the calls of each caller are sent again by
 * themselves, so that only the caller at fault fails: only repeat-safe calls may go through this.
 */
export function coalesceCalls(redis: RedisPort): RedisPort {
  let waiting: Asked[] = [];

  async function sendTogether(asked: readonly Asked[]): Promise<void> {
    try {
      const replies = await redis.send(asked.flatMap(({ calls }) => calls));
      let from = 0;
      for (const { calls, resolve } of asked) {
        resolve(replies.slice(from, from + calls.length));
        from += calls.length;
      }
    } catch (error) {
      const isRefused = !(error instanceof SignalboxError) || error.code !== "redis_unavailable";
      for (const { calls, resolve, reject } of asked) {
        if (isRefused && asked.length > 1) resolve(redis.send(calls));
        else reject(error);
      }
    }
  }

  return {
    send: (calls) =>
      new Promise((resolve, reject) => {
        waiting.push({ calls, resolve, reject });
        if (waiting.length > 1) return;
        setTimeout(() => {
          const asked = waiting;
          waiting = [];
          void sendTogether(asked);
        }, 0);
      }),
  };
}
