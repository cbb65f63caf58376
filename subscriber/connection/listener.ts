/**
 * The subscribing connection: subscribes after every connect, proves the connection alive, and passes messages on outside
 * the turn in which they arrive, because Redis cuts off a subscriber that reads too slowly.
 */
import { isUtf8 } from "node:buffer";
import type { Logger } from "pino";
import { reconnect, type Reconnectable } from "./ioredis.ts";

/** How long Redis may take to answer, in milliseconds. */
const answerMs = 10_000;

/** Takes what arrives. `intake/intake.ts` does in a subscriber, `producer/result-listener.ts` in a producer. */
export interface ChannelReceiver {
  /** Takes one message; `text` is null if the bytes are not UTF-8. Must not throw. */
  receive(channel: string, text: string | null, bytes: Buffer): void;
  /** The channels are subscribed, for the first time or again: what was published before may have been missed. */
  subscribed(): void;
  /** The connection is lost; it is being replaced. */
  disconnected(): void;
}

/** See `createListener`. */
export interface Listener {
  /** Connects and listens for `receiver`; goes on trying by itself from then on. Call it once. */
  start(receiver: ChannelReceiver): void;
  /**
   * Call when Redis says that nobody listens: this listener does, so it does so at another server, such as one that was
   * the master until a fail-over. Connects again, to the server that has the address now. Repeat-safe.
   */
  resubscribe(): void;
  /** Resolves when everything published before now has been passed on. Never rejects. */
  settled(): Promise<void>;
  /** Unsubscribes. Resolves when nothing can arrive any more, or Redis cannot be asked. Never rejects. */
  silence(): Promise<void>;
  /** Ends the connection for good. */
  stop(): void;
}

/** What a listener is given. */
export interface ListenerOptions {
  readonly redis: ListenerRedis;
  readonly channels: readonly string[];
  /** How often the connection is proved alive, in milliseconds. */
  readonly pingMs: number;
  /** @default errors are not logged: what they lead to is told to the receiver */
  readonly log?: Pick<Logger, "debug">;
}

/** What a listener needs of an `ioredis` connection. */
export interface ListenerRedis extends Reconnectable {
  readonly status: string;
  connect(): Promise<unknown>;
  ping(): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(): Promise<unknown>;
  on(event: "messageBuffer", listener: (channel: Buffer, bytes: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "close" | "ready", listener: () => void): unknown;
}

/** Creates the listener; `start` connects. */
export function createListener({ redis, channels, pingMs, log }: ListenerOptions): Listener {
  let inbox: { channel: string; bytes: Buffer }[] = [];
  let isScheduled = false;
  let isSubscribed = false;
  let isStopped = false;
  /** Runs from `start` to `stop`. */
  let heartbeat: NodeJS.Timeout | undefined;

  function onError(error: Error): void {
    log?.debug({ reason: error.message }, "subscribing connection");
  }

  function deliver(receiver: ChannelReceiver): void {
    isScheduled = false;
    const messages = inbox;
    inbox = [];
    for (const { channel, bytes } of messages) {
      receiver.receive(channel, isUtf8(bytes) ? bytes.toString() : null, bytes);
    }
  }

  /** A connection can be gone without FIN or RST; only a question without an answer shows it. */
  async function inTime(question: string, answer: Promise<unknown>): Promise<boolean> {
    const timer = setTimeout(() => {
      onError(new Error(`expected an answer to ${question} within ${answerMs} ms; reconnecting`));
      reconnect(redis);
    }, answerMs);
    try {
      await answer;
      return true;
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  async function subscribe(receiver: ChannelReceiver): Promise<void> {
    if (await inTime("SUBSCRIBE", redis.subscribe(...channels))) {
      isSubscribed = true;
      receiver.subscribed();
    } else reconnect(redis);
  }

  async function ping(): Promise<void> {
    if (redis.status === "ready") await inTime("PING", redis.ping());
  }

  return {
    start(receiver) {
      redis.on("messageBuffer", (channel, bytes) => {
        inbox.push({ channel: channel.toString(), bytes });
        if (isScheduled) return;
        isScheduled = true;
        setImmediate(deliver, receiver);
      });
      redis.on("ready", () => void subscribe(receiver));
      redis.on("close", () => {
        isSubscribed = false;
        if (!isStopped) receiver.disconnected();
      });
      redis.on("error", onError);
      heartbeat = setInterval(() => void ping(), pingMs);
      redis.connect().catch(() => undefined); // reported by the error event, and tried again
    },
    resubscribe() {
      if (!isSubscribed) return;
      isSubscribed = false;
      reconnect(redis);
    },
    async settled() {
      await ping();
      // Two turns: the first has the messages passed on, the second what they set off.
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    },
    async silence() {
      if (redis.status === "ready") await inTime("UNSUBSCRIBE", redis.unsubscribe());
    },
    stop() {
      isStopped = true;
      clearInterval(heartbeat);
      redis.disconnect();
    },
  };
}
