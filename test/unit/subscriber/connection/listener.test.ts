import { EventEmitter } from "node:events";
import type { Redis } from "ioredis";
import { describe, test } from "vitest";
import { createListener } from "../../../../subscriber/connection/listener.ts";

/** A listener on a connection whose subscriptions end as they are told. */
function create() {
  let answer: Promise<number> = Promise.resolve(1);
  let disconnects = 0;
  let subscribed = 0;
  const redis = Object.assign(new EventEmitter(), {
    stream: {},
    connect: () => Promise.resolve(),
    subscribe: () => answer,
    disconnect: () => {
      disconnects++;
    },
  });
  const listener = createListener({
    ...{ redis: redis as unknown as Redis, channels: ["c"], pingMs: 1e9 },
    ...{ onMessage: () => undefined, onLost: () => undefined, onError: () => undefined },
    onSubscribed: () => {
      subscribed++;
    },
  });
  listener.start();
  return {
    ...{ listener, redis },
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
  test("connects anew where Redis refuses the subscription", async ({ expect }) => {
    const { listener, ready, counts } = create();
    await ready(Promise.reject(new Error("LOADING")));
    expect(counts()).toEqual({ disconnects: 1, subscribed: 0 });
    await ready(Promise.resolve(1));
    expect(counts()).toEqual({ disconnects: 1, subscribed: 1 });
    listener.stop();
  });

  test("that nobody hears connects anew, once each time it has subscribed", async ({ expect }) => {
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
});
