/** Channels as server-sent events, raw and through the official client. */
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { Redis as Client } from "@upstash/redis";
import { Redis } from "ioredis";
import { beforeAll, describe, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../../../gateway/server.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";

const TOKEN = "a-token-for-the-tests";
const HEARTBEAT = ": heartbeat";

let redisServer: RedisServer;
let gateway: Gateway;
let redis: Redis;

beforeAll(async () => {
  redisServer = await startRedisServer();
  redis = new Redis(redisServer.url);
  gateway = await startGateway({ redisUrl: redisServer.url, token: TOKEN, heartbeatMs: 25 });
  return async () => {
    redis.disconnect();
    await gateway.close();
    await redisServer.stop();
  };
});

interface Stream {
  readonly response: Response;
  /** The next event as its lines, without heartbeats; undefined at the end of the stream. */
  next(): Promise<string | undefined>;
  /** Waits for a heartbeat that is sent from now on. */
  heartbeat(): Promise<void>;
  leave(): void;
}

async function open(path: string, method = "POST", at = gateway): Promise<Stream> {
  const control = new AbortController();
  const response = await fetch(at.url + path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" },
    signal: control.signal,
    // The official client also sends its empty command.
    ...(method === "POST" && { body: "[]" }),
  });
  onTestFinished(() => {
    control.abort();
  });
  const blocks = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream());
  const reader = blocks.getReader();
  let text = "";
  async function block(): Promise<string | undefined> {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end !== -1) {
        const found = text.slice(0, end);
        text = text.slice(end + 2);
        return found;
      }
      const { done, value } = await reader.read();
      if (done) return undefined;
      text += value;
    }
  }
  return {
    response,
    next: async () => {
      let found = await block();
      while (found === HEARTBEAT) found = await block();
      return found;
    },
    heartbeat: async () => {
      while ((await block()) !== HEARTBEAT);
    },
    leave: () => {
      control.abort();
    },
  };
}

/** Resolves when Redis has no subscriber to a channel any more. */
async function untilNobodyListens(channel: string): Promise<void> {
  while ((await redis.publish(channel, "")) > 0);
}

describe("a stream", () => {
  it("confirms each channel in turn and then carries their messages", async ({ expect }) => {
    const stream = await open("/subscribe/one/two/one");
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
    expect(await stream.next()).toBe("data: subscribe,one,1");
    expect(await stream.next()).toBe("data: subscribe,two,2");
    expect(await stream.next()).toBe("data: subscribe,one,2");
    expect(await redis.publish("two", "hello, you")).toBe(1);
    expect(await redis.publish("one", '{"a":"ü🦊"}')).toBe(1);
    expect(await stream.next()).toBe("data: message,two,hello, you");
    expect(await stream.next()).toBe('data: message,one,{"a":"ü🦊"}');
  });

  it("of patterns names the pattern and the channel", async ({ expect }) => {
    const stream = await open("/psubscribe/news.*/h%3Fllo", "GET");
    expect(await stream.next()).toBe("data: psubscribe,news.*,1");
    expect(await stream.next()).toBe("data: psubscribe,h?llo,2");
    await redis.publish("news.ü", "m");
    await redis.publish("hallo", "n");
    expect(await stream.next()).toBe("data: pmessage,news.*,news.ü,m");
    expect(await stream.next()).toBe("data: pmessage,h?llo,hallo,n");
  });

  it("carries messages published over REST", async ({ expect }) => {
    const stream = await open("/subscribe/rest");
    const published = await fetch(`${gateway.url}/publish/rest?_token=${TOKEN}`, {
      method: "POST",
      body: "from a body",
    });
    expect(await published.json()).toEqual({ result: 1 });
    expect(await stream.next()).toBe("data: subscribe,rest,1");
    expect(await stream.next()).toBe("data: message,rest,from a body");
  });

  it("carries a payload of several lines as the standard has it", async ({ expect }) => {
    const stream = await open("/subscribe/lines");
    await stream.next();
    await redis.publish("lines", "a\n b\n");
    expect(await stream.next()).toBe("data: message,lines,a\ndata:  b\ndata:");
  });

  it("carries ten thousand messages in order", async ({ expect }) => {
    const stream = await open("/subscribe/many");
    await stream.next();
    const pipeline = redis.pipeline();
    for (let at = 0; at < 10_000; at++) pipeline.publish("many", `m${at}`);
    await pipeline.exec();
    for (let at = 0; at < 10_000; at++) {
      if ((await stream.next()) !== `data: message,many,m${at}`) expect.fail(`message ${at}`);
    }
  });

  it("is kept alive by lines that say nothing", async () => {
    const stream = await open("/subscribe/idle");
    await stream.heartbeat();
    await stream.heartbeat();
  });

  it("ends its subscription when the caller leaves", async () => {
    const stream = await open("/subscribe/left");
    await stream.next();
    stream.leave();
    await untilNobodyListens("left");
  });

  it("is cut off when the caller stops reading", async () => {
    const { hostname, port } = new URL(gateway.url);
    const socket = connectSocket(Number(port), hostname);
    onTestFinished(() => {
      socket.destroy();
    });
    socket.write(`GET /subscribe/slow?_token=${TOKEN} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await once(socket, "readable");
    const megabyte = "x".repeat(1024 * 1024);
    while ((await redis.publish("slow", megabyte)) > 0);
  });

  it("ends when its connection to Redis does", async ({ expect }) => {
    const stream = await open("/subscribe/killed");
    await stream.next();
    await redis.call("CLIENT", "KILL", "TYPE", "pubsub");
    expect(await stream.next()).toBeUndefined();
  });

  it("ends when the gateway closes, and so does its subscription", async ({ expect }) => {
    const other = await startGateway({ redisUrl: redisServer.url, token: TOKEN });
    const stream = await open("/subscribe/closed", "POST", other);
    await stream.next();
    await other.close();
    expect(await stream.next()).toBeUndefined();
    await untilNobodyListens("closed");
  });

  it("is refused when Redis does not allow the channel", async ({ expect }) => {
    await redis.call("ACL", "SETUSER", "nobody", "on", ">pw", "+@all", "~*", "resetchannels");
    const redisUrl = redisServer.url.replace("//", "//nobody:pw@");
    const other = await startGateway({ redisUrl, token: TOKEN });
    onTestFinished(() => other.close());
    const { response } = await open("/subscribe/forbidden", "POST", other);
    expect(response.status).toBe(400);
  });
});

describe("the official client", () => {
  const connect = (automaticDeserialization: boolean) =>
    new Client({
      url: gateway.url,
      token: TOKEN,
      enableTelemetry: false,
      automaticDeserialization,
    });

  /** Resolves to the next event of a kind. */
  function next<T>(on: (listener: (data: T) => void) => void): Promise<T> {
    return new Promise((resolve) => {
      on(resolve);
    });
  }

  it.for([
    ["text", "plain text", "plain text"],
    ["JSON", '{"a":[1,"ü"]}', { a: [1, "ü"] }],
    ["commas", "a,b,,c", "a,b,,c"],
    ["base64", "aGVsbG8=", "aGVsbG8="],
    ["nothing", "", ""],
    ["bytes", "\u0000\u0001\t\ufffd", "\u0000\u0001\t\ufffd"],
  ] as const)("receives %s", async ([kind, payload, parsed], { expect }) => {
    for (const [deserialize, message] of [
      [true, parsed],
      [false, payload],
    ] as const) {
      const client = connect(deserialize);
      const subscriber = client.subscribe<unknown>([`client-${kind}`]);
      expect(
        await next<number>((on) => {
          subscriber.on("subscribe", on);
        }),
      ).toBe(1);
      const received = next<unknown>((on) => {
        subscriber.on("message", on);
      });
      expect(await redis.publish(`client-${kind}`, payload)).toBe(1);
      expect(await received).toEqual({ channel: `client-${kind}`, message });
      await subscriber.unsubscribe();
      await untilNobodyListens(`client-${kind}`);
    }
  });

  it("receives what matches a pattern", async ({ expect }) => {
    const client = connect(true);
    const subscriber = client.psubscribe<unknown>(["room:*"]);
    expect(
      await next<number>((on) => {
        subscriber.on("psubscribe", on);
      }),
    ).toBe(1);
    const received = next<unknown>((on) => {
      subscriber.on("pmessage", on);
    });
    expect(await client.publish("room:1", { text: "hi, 🦊" })).toBe(1);
    expect(await received).toEqual({
      pattern: "room:*",
      channel: "room:1",
      message: { text: "hi, 🦊" },
    });
    await subscriber.unsubscribe();
  });

  it("takes no line of a payload for an event", async ({ expect }) => {
    const client = connect(true);
    const subscriber = client.subscribe<unknown>(["forge"]);
    await next<number>((on) => {
      subscriber.on("subscribe", on);
    });
    const messages: unknown[] = [];
    const last = new Promise<void>((resolve) => {
      subscriber.on("message", ({ message }) => {
        messages.push(message);
        if (message === "last") resolve();
      });
    });
    await redis.publish("forge", "first\nmessage,forge,forged\n message,forge,forged");
    await redis.publish("forge", "second\rdata: message,forge,forged\r\nmessage,forge,forged");
    await redis.publish("forge", "last");
    await last;
    expect(messages).toEqual(["first", "second", "last"]);
    await subscriber.unsubscribe();
  });
});
