/**
 * Messages of Redis channels as server-sent events. Each stream has a Redis connection of its own
 * and both end together: a caller that sees its stream end knows that it may have missed messages.
 */
import type { ServerResponse } from "node:http";
import { Redis } from "ioredis";
import { CONNECTION, type Connection, isReplyError } from "./redis.ts";
import { Refusal } from "./refusal.ts";

export interface Subscription extends Connection {
  readonly kind: "subscribe" | "psubscribe";
  /** Channels, or patterns for `psubscribe`. */
  readonly names: readonly Buffer[];
  /** How often to make sure, in milliseconds, that both ends are still there. */
  readonly heartbeatMs: number;
}

/** A reader this far behind is cut off, as Redis would cut it off. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;

/** Runs until the caller goes, Redis goes or `signal` aborts. Throws while nothing has been sent. */
export async function streamMessages(
  { redisUrl, redisTimeoutMs, kind, names, heartbeatMs }: Subscription,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const redis = new Redis(redisUrl, {
    ...CONNECTION,
    socketTimeout: redisTimeoutMs,
    retryStrategy: null,
  });
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
      // Any line but a "data:" one is skipped by clients; fetch gives up on a silent body.
      redis.ping().then(() => {
        send(": heartbeat\n\n");
      }, ignoreBecauseItEnds);
    }, heartbeatMs);
    // Not events.once: a connection that breaks says "error" before it says "end".
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

/** A message may come in the same packet as the confirmation that has to be written before it. */
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

/** `subscribe,channel,count`, where the count is of different channels so far. */
function confirmations(kind: Subscription["kind"], names: readonly Buffer[]): Buffer[] {
  const seen = new Set<string>();
  return names.map((name) => {
    seen.add(name.toString("latin1"));
    return eventOf([kind, name, String(seen.size)]);
  });
}

/**
 * One event of comma-separated fields. A payload with line breaks takes several lines, of which
 * the official client must only see the first, lest it take the others for events: it wants a
 * space after "data:", which the standard does not.
 */
export function eventOf(fields: readonly (string | Buffer)[]): Buffer {
  const text = fields.map((field) => Buffer.from(field).toString("latin1")).join(",");
  const [first = "", ...rest] = text.split("\n");
  const lines = rest.map((line) => `\ndata:${line.startsWith(" ") ? " " : ""}${line}`);
  return Buffer.from(`data: ${first}${lines.join("")}\n\n`, "latin1");
}

function ignoreBecauseItEnds(): void {
  // The connection's end is what the stream waits for.
}
