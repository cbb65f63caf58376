import { afterAll, beforeAll, describe, test } from "vitest";
import { maxReportBytes, maxReports, type StoredReport } from "../../../protocol/wire/report.ts";
import { type GateServer, startGate } from "../../support/gate-server.ts";
import { job } from "../../support/ledger.ts";
import { openRealLedger, type RealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { spawnSubscriber } from "../../support/subscriber-process.ts";
import { until } from "../../support/until.ts";

let server: RedisServer;
let gate: GateServer;
beforeAll(async () => {
  server = await startRedisServer();
  gate = await startGate();
});
afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await server.stop();
});

const reportsOf = (bench: RealLedger, id: string) => bench.ledger.reports("default", id, "-");

/** Resolves to the reports of a job once there are some that `match`. */
async function reported(
  bench: RealLedger,
  id: string,
  match: (reports: readonly StoredReport[]) => boolean,
): Promise<readonly StoredReport[]> {
  let found: readonly StoredReport[] = [];
  await until(async () => match((found = await reportsOf(bench, id))), {
    or: () => `reports of ${id}; there are ${JSON.stringify(found)}`,
  });
  return found;
}

describe("what a handler reports", () => {
  test("is there before the outcome is", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({
      url: server.url,
      handlers: {
        echo: (_payload, { progress, log }) => {
          log.info({ step: 1 }, "begun");
          progress(0.5);
          log.warn({}, "half");
          progress(1);
        },
      },
    });
    await bench.ledger.dispatch([job("a")]);
    await running.event("attempt:ended");
    await bench.ended("a");
    expect(await reportsOf(bench, "a")).toMatchObject([
      {
        node: "1",
        attempt: 1,
        progress: 1,
        moved: true,
        lines: [
          { level: "info", message: "begun", fields: { step: 1 } },
          { level: "warn", message: "half" },
        ],
      },
    ]);
    // The attempt's longest time (a minute by default), and an hour.
    const left = await bench.redis.pttl("signalbox:{default}:reports:a");
    expect(left).toBeGreaterThan(3_600_000);
    expect(left).toBeLessThanOrEqual(3_660_000);
    expect(await bench.problems()).toEqual([]);
  });

  test("costs a job that reports nothing no command, and leaves no key", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using running = await runSubscriber({ url: server.url });
    await bench.redis.call("CONFIG", "RESETSTAT");
    await bench.ledger.dispatch([job("quiet")]);
    await running.event("attempt:ended");
    await bench.ended("quiet");
    expect(await bench.redis.keys("*reports*")).toEqual([]);
    expect(await bench.redis.info("commandstats")).not.toMatch(/cmdstat_pexpire/);
  });

  test("10,000 times a second stays bounded", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    let calls = 0;
    let tookMs = 0;
    await using running = await runSubscriber({
      url: server.url,
      handlers: {
        echo: async (_payload, { progress, log }) => {
          const startedAt = performance.now();
          // As many calls as 10,000 a second would be by now, however late this is woken.
          const catchUp = () => {
            tookMs = performance.now() - startedAt;
            for (; calls < tookMs * 10; calls++) {
              progress({ calls });
              log.info({ calls }, "called");
            }
            return tookMs >= 3_000;
          };
          await until(catchUp, { or: "three seconds of calls" });
        },
      },
    });
    await bench.ledger.dispatch([job("busy")]);
    await running.event("attempt:ended");
    await bench.ended("busy");
    const reports = await reportsOf(bench, "busy");
    // One a second, and one at the end.
    expect(reports.length).toBeLessThanOrEqual(tookMs / 1_000 + 2);
    expect(reports.at(-1)).toMatchObject({ progress: { calls: calls - 1 } });
    const told = reports.map(({ lines = [], dropped = 0 }) => lines.length + dropped);
    expect(told.reduce((sum, each) => sum + each, 0)).toBe(calls);
    for (const { lines } of reports) {
      expect(JSON.stringify(lines).length).toBeLessThanOrEqual(maxReportBytes + 100);
    }
    const size = Number(await bench.redis.memory("USAGE", "signalbox:{default}:reports:busy"));
    expect(size).toBeLessThan(maxReports * 2 * maxReportBytes);
  });

  test("of a process that is killed is kept; the next attempt goes on", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    await using doomed = await spawnSubscriber({ REDIS_URL: server.url, SIGNALBOX_NODES: "1" });
    await bench.ledger.dispatch([job("k", { name: "reporting", payload: { url: gate.url } })]);
    await gate.arrival("k");
    await reported(bench, "k", (reports) => reports.length === 1);
    await using heir = await spawnSubscriber({ REDIS_URL: server.url, SIGNALBOX_NODES: "2" });
    doomed.kill("SIGKILL");
    const again = await gate.arrival("k", 2);
    expect(again).toMatchObject({ node: "2", pid: heir.pid });
    await reported(bench, "k", (reports) => reports.length === 2);
    again.release();
    await bench.ended("k");
    const [first, second, ...more] = await reportsOf(bench, "k");
    expect(first).toMatchObject({ node: "1", attempt: 1, progress: 0.5 });
    expect(second).toMatchObject({ node: "2", attempt: 2, progress: 0.5 });
    for (const report of more) expect(report).toMatchObject({ node: "2", attempt: 2 });
    expect(await bench.problems()).toEqual([]);
  });
});
