/**
 * Ends a connection to Redis that is silent for too long while something is awaited of it. The client's own time-out counts
 * the time in which this process is busy too, so a few large replies ended the connection that all requests share.
 */

/** What is needed of an `ioredis` connection. */
export interface WatchedRedis {
  readonly status: string;
  readonly stream: { readonly bytesRead: number; destroy(error: Error): unknown };
  on(event: "connect" | "ready" | "close", listener: () => void): unknown;
}

/** See `watchSilence`. */
export interface SilenceWatch {
  /** Passes `answer` on, and watches the connection until it has come. */
  during<T>(answer: Promise<T>): Promise<T>;
}

/** Watches `redis`: while it connects, and during each answer that is awaited. */
export function watchSilence(redis: WatchedRedis, limitMs: number): SilenceWatch {
  let awaited = 0;
  let timer: NodeJS.Timeout | undefined;
  let read = 0;

  function start(): void {
    clearTimeout(timer);
    read = redis.stream.bytesRead;
    timer = setTimeout(() => {
      // By then what arrived while this process was busy has been read.
      setImmediate(judge);
    }, limitMs);
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  function judge(): void {
    if (timer === undefined) return;
    if (redis.stream.bytesRead !== read) start();
    else {
      const error = new Error(`expected an answer from Redis within ${limitMs} ms`);
      redis.stream.destroy(Object.assign(error, { code: "ETIMEDOUT" }));
    }
  }

  redis.on("connect", start);
  redis.on("ready", () => {
    if (awaited === 0) stop();
  });
  redis.on("close", stop);

  return {
    async during(answer) {
      // While it is not ready nothing is sent, and the watch of its connecting goes on.
      if (awaited++ === 0 && redis.status === "ready") start();
      try {
        return await answer;
      } finally {
        if (--awaited === 0 && redis.status === "ready") stop();
      }
    },
  };
}
