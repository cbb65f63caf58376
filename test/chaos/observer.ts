/** A plain subscriber of `CHANNEL_RESULT`, as any program may be one: what it hears of each job's end. */
import { Redis } from "ioredis";
import { defaultNaming, resultChannel } from "../../protocol/redis/keys.ts";
import { decodeResults } from "../../protocol/wire/messages.ts";

export type Observer = ReturnType<typeof createObserver>;

/** Listens at once, and again after each outage of Redis; what is published meanwhile it misses. */
export function createObserver(url: string) {
  const redis = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  /** `<queue> <id> <acceptance>` → the tokens under which it was heard to end. */
  const heard = new Map<string, string[]>();
  const ours = new Map<string, number>();
  let count = 0;

  redis.on("message", (_channel: string, text: string) => {
    const left = ours.get(text) ?? 0;
    if (left > 0) {
      ours.set(text, left - 1);
      return;
    }
    const message = decodeResults(text);
    if (message.kind !== "results") return;
    for (const { queue, id, token } of message.results) {
      const key = `${queue} ${id} ${token.slice(0, token.lastIndexOf("."))}`;
      heard.set(key, [...(heard.get(key) ?? []), token]);
      count += 1;
    }
  });
  void redis.subscribe(resultChannel(defaultNaming)).catch(() => undefined);

  return {
    heard: heard as ReadonlyMap<string, readonly string[]>,
    count: () => count,
    /** Call before the harness itself publishes `text` on the channel. */
    willPublish: (text: string) => {
      ours.set(text, (ours.get(text) ?? 0) + 1);
    },
    close: () => {
      redis.disconnect();
    },
  };
}
