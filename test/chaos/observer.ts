/** A plain subscriber of `CHANNEL_RESULT`, as any program may be one: records the results it receives. */
import { Redis } from "ioredis";
import { defaultNaming, resultChannel } from "../../protocol/redis/keys.ts";
import { decodeResults } from "../../protocol/wire/messages.ts";

export interface Observer {
  /** `<queue> <id> <acceptance>` → the tokens of the results that were received. */
  readonly heard: ReadonlyMap<string, readonly string[]>;
  /** How many results were received. */
  count(): number;
  /** Excludes one message: to be called before the harness itself publishes `text` on the channel. */
  willPublish(text: string): void;
  close(): void;
}

/** Listens immediately, and again after each outage of Redis. It misses what is published meanwhile. */
export function createObserver(url: string): Observer {
  const redis = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  const heard = new Map<string, string[]>();
  const ownMessages = new Map<string, number>();
  let count = 0;

  redis.on("message", (_channel: string, text: string) => {
    const left = ownMessages.get(text) ?? 0;
    if (left > 0) {
      ownMessages.set(text, left - 1);
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
    heard,
    count: () => count,
    willPublish: (text) => {
      ownMessages.set(text, (ownMessages.get(text) ?? 0) + 1);
    },
    close: () => {
      redis.disconnect();
    },
  };
}
