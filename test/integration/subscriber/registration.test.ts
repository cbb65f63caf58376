/** Redis forgets the nodes of a subscriber whose connections live on: it finds out by itself, and joins again. */
import { describe, test } from "vitest";
import { job, jobs } from "../../support/ledger.ts";
import { openRealLedger, type RealLedger } from "../../support/real-time-ledger.ts";
import { startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

type Redis = RealLedger["redis"];
const nodesKey = "signalbox:{default}:nodes";

/** What takes a registration away, and leaves the connections. */
const losses: readonly (readonly [string, (redis: Redis) => Promise<unknown>])[] = [
  ["FLUSHALL", (redis) => redis.flushall()],
  ["FLUSHDB", (redis) => redis.flushdb()],
  ["DEL of the nodes", (redis) => redis.del(nodesKey)],
  ["a row that is pruned", (redis) => redis.hdel(nodesKey, "1")],
  ["SWAPDB", (redis) => redis.call("SWAPDB", "0", "1")],
  [
    "a row of another time, as from an older dump",
    async (redis) => {
      const row = (await redis.hget(nodesKey, "1")) ?? "";
      await redis.hset(nodesKey, "1", row.replace(/^\d+/, "7"));
      await redis.del("signalbox:{default}:free");
    },
  ],
  [
    "a row that says that nobody listens",
    async (redis) => {
      const row = (await redis.hget(nodesKey, "1")) ?? "";
      await redis.hset(nodesKey, "1", row.replace(/^(\S+ \S+) 1/, "$1 0"));
      await redis.del("signalbox:{default}:free");
    },
  ],
];

describe("a registration that is lost while the connections live", () => {
  test.for(losses)(
    "by %s is found by the keep-alive and made again",
    async ([, lose], { expect }) => {
      await using server = await startRedisServer();
      await using bench = await openRealLedger(server.url);
      await using running = await runSubscriber({
        url: server.url,
        env: { SIGNALBOX_PING_MS: "500" },
      });
      await bench.ledger.dispatch([job("before")]);
      await bench.ended("before");
      await running.event("attempt:ended");
      await lose(bench.redis);
      // Where the free slots are gone too the job waits in the backlog; else it is sent immediately.
      await bench.ledger.dispatch([job("after")]);
      await running.event("registration:lost", {
        where: ({ queue, nodes }) => queue === "default" && nodes.join() === "1",
      });
      await running.event("listening", { count: 2 });
      expect((await bench.ended("after")).state).toBe("succeeded");
      await running.event("attempt:ended", { count: 2 });
      expect(running.seen("disconnected")).toEqual([]);
      expect(running.seen("registration:lost")).toHaveLength(1);
    },
  );

  test("is found in each of several queues", async ({ expect }) => {
    await using server = await startRedisServer();
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_PING_MS: "200", SIGNALBOX_NODES: "1@default+mail,2@mail" },
    });
    await bench.redis.del("signalbox:{mail}:nodes");
    await running.event("registration:lost", {
      where: ({ queue, nodes }) => queue === "mail" && nodes.join() === "1,2",
    });
    await running.event("listening", { count: 2 });
    expect(await bench.redis.hlen("signalbox:{mail}:nodes")).toBe(2);
  });

  test("is not looked for where the node was left, or is another's", async ({ expect }) => {
    await using server = await startRedisServer();
    await using bench = await openRealLedger(server.url);
    await using first = await runSubscriber({ url: server.url, env: { SIGNALBOX_PING_MS: "100" } });
    await using second = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_PING_MS: "100" },
    });
    await first.event("superseded");
    const pings = async () =>
      Number(/cmdstat_ping:calls=(\d+)/.exec(await bench.redis.info("commandstats"))?.[1] ?? 0);
    const before = await pings();
    await until(async () => (await pings()) > before + 10, { within: 10_000, or: "ten pings" });
    expect([...first.seen("registration:lost"), ...second.seen("registration:lost")]).toEqual([]);
  });

  test("does not keep jobs that are dispatched after SCRIPT FLUSH", async ({ expect }) => {
    await using server = await startRedisServer();
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await bench.ledger.dispatch(jobs(3, "before"));
    await bench.allEnded(jobs(3, "before"));
    await bench.redis.call("SCRIPT", "FLUSH");
    await bench.ledger.dispatch(jobs(3, "after"));
    await bench.allEnded(jobs(3, "after"));
    await running.event("attempt:ended", { count: 6 });
    expect(running.seen("redis:failed")).toEqual([]);
  });
});
