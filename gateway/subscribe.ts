/**
 * Messages of Redis channels as server-sent events. Each stream has its own Redis connection and both
 * end together: a caller whose stream ends knows that it may have missed messages.
 */
import type { ServerResponse } from "node:http";
import type { Redis } from "ioredis";
import { type Connection, createRedis, isReplyError } from "./redis.ts";
import { Refusal } from "./refusal.ts";

export interface Subscription extends Connection {
  readonly kind: "subscribe" | "psubscribe";
  /** Channels, or patterns for `psubscribe`. */
  readonly names: readonly Buffer[];
  /** How often to check that both ends are alive, in milliseconds. */
  readonly heartbeatMs: number;
}

/** A reader this many bytes behind is disconnected, as Redis would disconnect it. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;

/** Runs until the caller or Redis disconnects, or `signal` aborts. Throws only before anything was sent. */
export async function streamMessages(
  { redisUrl, redisTimeoutMs, kind, names, heartbeatMs }: Subscription,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const redis = createRedis(redisUrl, { socketTimeout: redisTimeoutMs, retryStrategy: null });
  const stop = () => {
    redis.disconnect();
  };
  redis.on("error", ignoreBecauseItEnds);
  response.once("close", stop);
  signal.addEventListener("abort", stop);
  try {
    const messages = listen(redis);
    await subscribe(redis, kind, names);
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      connection: "close",
    });
    const send = (bytes: string | Buffer) => {
      response.write(bytes);
      if (response.writableLength > MAX_UNSENT_BYTES) response.destroy();
    };
    for (const event of confirmations(kind, names)) send(event);
    messages.deliverTo(send);

    const heartbeat = setInterval(() => {
      // Clients skip any line but "data:"; without one, fetch gives up on a silent body.
      redis.ping().then(() => {
        send(": heartbeat\n\n");
      }, ignoreBecauseItEnds);
    }, heartbeatMs);
    // Not events.once: a connection that breaks emits "error" before "end".
    await new Promise<void>((resolve) => {
      redis.once("end", resolve);
      if (redis.status === "end") resolve();
    });
    clearInterval(heartbeat);
    response.end();
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

async function subscribe(redis: Redis, kind: Subscription["kind"], names: readonly Buffer[]) {
  try {
    await redis.connect();
    await redis.callBuffer(kind, [...names]);
  } catch (cause) {
    if (isReplyError(cause)) throw new Refusal(400, cause.message);
    throw new Refusal(503, "ERR Redis cannot be reached; nothing was subscribed", { cause });
  }
}

/** A message may arrive in the same packet as the confirmation, which has to be written first. */
function listen(redis: Redis) {
  const early: Buffer[] = [];
  let deliver = (event: Buffer) => {
    early.push(event);
  };
  redis.on("messageBuffer", (channel: Buffer, message: Buffer) => {
    deliver(eventOf(["message", channel, message]));
  });
  redis.on("pmessageBuffer", (pattern: string, channel: Buffer, message: Buffer) => {
    deliver(eventOf(["pmessage", pattern, channel, message]));
  });
  return {
    deliverTo(send: (event: Buffer) => void) {
      for (const event of early) send(event);
      deliver = send;
    },
  };
}

/** `subscribe,channel,count`, where `count` is the number of distinct channels so far. */
function confirmations(kind: Subscription["kind"], names: readonly Buffer[]): Buffer[] {
  const seen = new Set<string>();
  return names.map((name) => {
    seen.add(name.toString("latin1"));
    return eventOf([kind, name, String(seen.size)]);
  });
}

/**
 * One event of comma-separated fields. A payload with line breaks takes several lines; LF, CR and both together end a
 * line in the standard, so none of them may stand within one, and a reader gets LF for each. The official
 * client takes each "data: " line for an event of its own, so only the first has that space, which
 * the standard does not require.
 */
export function eventOf(fields: readonly (string | Buffer)[]): Buffer {
  const text = fields.map((field) => Buffer.from(field).toString("latin1")).join(",");
  const [first = "", ...rest] = text.split(/\r\n|\n|\r/);
  const lines = rest.map((line) => `\ndata:${line.startsWith(" ") ? " " : ""}${line}`);
  return Buffer.from(`data: ${first}${lines.join("")}\n\n`, "latin1");
}

function ignoreBecauseItEnds(): void {
  // The stream ends with the connection.
}
