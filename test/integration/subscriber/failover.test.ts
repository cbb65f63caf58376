import { describe, test } from "vitest";
import { createConnection } from "../../../subscriber/connection/ioredis.ts";
import { job } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

/** A master otherwise waits five seconds for further replicas. */
const withoutDelay = { args: ["--repl-diskless-sync-delay", "0"] };

/** Makes `next` a replica of `master`, promotes it, and makes the old master its replica. */
async function failOver(master: RedisServer, next: RedisServer): Promise<void> {
  const [before, after] = [createConnection(master.url), createConnection(next.url)];
  await Promise.all([before.connect(), after.connect()]);
  await after.replicaof("127.0.0.1", master.port);
  await until(async () => (await after.info("replication")).includes("master_link_status:up"), {
    or: "the replica to be in step",
  });
  await after.replicaof("NO", "ONE");
  await before.replicaof("127.0.0.1", next.port);
  for (const redis of [before, after]) redis.disconnect();
}

describe("a fail-over whose old master goes on as a replica", () => {
  test("is followed by a subscriber whose connections it keeps", async ({ expect }) => {
    await using master = await startRedisServer(withoutDelay);
    await using next = await startRedisServer(withoutDelay);
    await using proxy = await startTcpProxy(master.port);
    await using old = await openRealLedger(master.url);
    await using running = await runSubscriber({ url: `redis://127.0.0.1:${proxy.port}` });
    await old.ledger.dispatch([job("before")]);
    await old.ended("before");

    await failOver(master, next);
    proxy.aim(next.port);
    await using bench = await openRealLedger(next.url, { empty: false });
    await bench.ledger.dispatch([job("after")]);
    expect((await bench.ended("after")).state).toBe("succeeded");
    await running.event("listening", { count: 2 });
    expect(await bench.problems()).toEqual([]);
  });

  test("is followed by the subscription if only the other connection was cut", async ({
    expect,
  }) => {
    await using master = await startRedisServer(withoutDelay);
    await using next = await startRedisServer(withoutDelay);
    await using proxy = await startTcpProxy(master.port);
    await using running = await runSubscriber({ url: `redis://127.0.0.1:${proxy.port}` });
    await failOver(master, next);
    proxy.aim(next.port);
    const admin = createConnection(master.url);
    await admin.connect();
    await admin.call("CLIENT", "KILL", "TYPE", "normal");
    admin.disconnect();

    await using bench = await openRealLedger(next.url, { empty: false });
    await until(async () => (await bench.redis.pubsub("NUMSUB", "CHANNEL_DISPATCH_1"))[1] === 1, {
      or: "the subscription at the new master",
    });
    await bench.ledger.dispatch([job("after")]);
    expect((await bench.ended("after")).state).toBe("succeeded");
    await running.event("disconnected");
    expect(await bench.problems()).toEqual([]);
  });
});
