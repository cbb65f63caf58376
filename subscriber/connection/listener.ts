/**
 * The subscribing connection: subscribes after every connect, proves the connection alive, and
 * passes messages on outside the event's own turn, because Redis cuts off a subscriber that reads
 * too slowly.
 */
import { isUtf8 } from "node:buffer";
import type { Redis } from "ioredis";
import { connectAnew } from "./ioredis.ts";

/** How long Redis may take to answer, in milliseconds. */
const answerMs = 10_000;

/** What a listener is given. */
export interface ListenerOptions {
  readonly redis: Redis;
  readonly channels: readonly string[];
  readonly pingMs: number;
  /** `text` is null where the message is not UTF-8. */
  readonly onMessage: (channel: string, text: string | null, bytes: Buffer) => void;
  readonly onSubscribed: () => void;
  readonly onLost: () => void;
  readonly onError: (error: Error) => void;
}

/** See `createListener`. */
export type Listener = ReturnType<typeof createListener>;

/** Creates the listener; `start` connects. */
export function createListener(options: ListenerOptions) {
  const { redis, channels, pingMs, onMessage, onSubscribed, onLost, onError } = options;
  let inbox: { channel: string; bytes: Buffer }[] = [];
  let isScheduled = false;
  let isSubscribed = false;
  /** Runs from `start` to `stop`. */
  let heartbeat: NodeJS.Timeout | undefined;

  function deliver(): void {
    isScheduled = false;
    const messages = inbox;
    inbox = [];
    for (const { channel, bytes } of messages) {
      onMessage(channel, isUtf8(bytes) ? bytes.toString() : null, bytes);
    }
  }

  function onBytes(channel: Buffer, bytes: Buffer): void {
    inbox.push({ channel: channel.toString(), bytes });
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(deliver);
  }

  /** A connection can be gone without a word (no FIN, no RST); only an unanswered question tells. */
  async function inTime(question: string, answer: Promise<unknown>): Promise<boolean> {
    const timer = setTimeout(() => {
      onError(
        new Error(`expected an answer to ${question} within ${answerMs} ms; connecting anew`),
      );
      connectAnew(redis);
    }, answerMs);
    try {
      await answer;
      return true;
    } catch (error) {
      onError(error as Error);
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  async function subscribe(): Promise<void> {
    if (await inTime("SUBSCRIBE", redis.subscribe(...channels))) {
      isSubscribed = true;
      onSubscribed();
    } else connectAnew(redis);
  }

  async function ping(): Promise<void> {
    if (redis.status === "ready") await inTime("PING", redis.ping());
  }

  return {
    /** Connects; goes on trying by itself from then on. */
    start(): void {
      redis.on("messageBuffer", onBytes);
      redis.on("ready", () => void subscribe());
      redis.on("close", () => {
        isSubscribed = false;
      });
      redis.on("close", onLost);
      redis.on("error", onError);
      heartbeat = setInterval(() => void ping(), pingMs);
      redis.connect().catch(() => undefined); // reported by the error event, and tried again
    },

    /**
     * Call when Redis says that nobody listens: we do, so it is at another server, such as one that was the
     * master until a fail-over. Connects anew, to whoever has the address now.
     */
    resubscribe(): void {
      if (!isSubscribed) return;
      isSubscribed = false;
      connectAnew(redis);
    },

    /** Resolves when everything published before now has been passed on. */
    async settled(): Promise<void> {
      await ping();
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    },

    /** Listens no more; resolves when nothing can come any more, or Redis cannot be asked. */
    async silence(): Promise<void> {
      if (redis.status === "ready") await inTime("UNSUBSCRIBE", redis.unsubscribe());
    },

    /** Ends the connection for good. */
    stop(): void {
      clearInterval(heartbeat);
      redis.off("close", onLost);
      redis.disconnect();
    },
  };
}
