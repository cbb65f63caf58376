import { EventEmitter } from "node:events";
import { describe, test } from "vitest";
import { createListener } from "../../../../subscriber/connection/listener.ts";

/** A listener on a connection whose subscriptions end as they are told. */
function create() {
  let answer: Promise<number> = Promise.resolve(1);
  let disconnects = 0;
  let subscribed = 0;
  const redis = Object.assign(new EventEmitter(), {
    status: "ready",
    stream: {},
    connect: () => Promise.resolve(),
    ping: () => Promise.resolve("PONG"),
    subscribe: () => answer,
    unsubscribe: () => Promise.resolve(0),
    disconnect: () => {
      disconnects++;
    },
  });
  const listener = createListener({ redis, channels: ["c"], pingMs: 1e9 });
  const heard: (string | null)[] = [];
  listener.start({
    receive: (_channel, text) => heard.push(text),
    subscribed: () => {
      subscribed++;
    },
    disconnected: () => heard.push("(disconnected)"),
  });
  return {
    listener,
    redis,
    heard,
    ready: async (next: Promise<number>) => {
      answer = next;
      redis.stream = {};
      redis.emit("ready");
      await new Promise(setImmediate);
    },
    counts: () => ({ disconnects, subscribed }),
  };
}

describe("a listener", () => {
  test("reconnects if Redis refuses the subscription", async ({ expect }) => {
    const { listener, ready, counts } = create();
    await ready(Promise.reject(new Error("LOADING")));
    expect(counts()).toEqual({ disconnects: 1, subscribed: 0 });
    await ready(Promise.resolve(1));
    expect(counts()).toEqual({ disconnects: 1, subscribed: 1 });
    listener.stop();
  });

  test("that nobody hears reconnects, once each time it has subscribed", async ({ expect }) => {
    const { listener, redis, ready, counts } = create();
    listener.resubscribe();
    expect(counts().disconnects).toBe(0);
    await ready(Promise.resolve(1));
    for (let time = 0; time < 3; time++) listener.resubscribe();
    expect(counts().disconnects).toBe(1);
    redis.emit("close");
    await ready(Promise.resolve(1));
    listener.resubscribe();
    expect(counts()).toEqual({ disconnects: 2, subscribed: 2 });
    listener.stop();
  });

  test("passes messages on after the turn in which they arrive, and loss until it stops", async ({
    expect,
  }) => {
    const { listener, redis, heard } = create();
    redis.emit("messageBuffer", Buffer.from("c"), Buffer.from("text"));
    redis.emit("messageBuffer", Buffer.from("c"), Buffer.from([0xff]));
    expect(heard).toEqual([]);
    await listener.settled();
    expect(heard).toEqual(["text", null]);
    redis.emit("close");
    listener.stop();
    redis.emit("close");
    expect(heard).toEqual(["text", null, "(disconnected)"]);
  });
});
