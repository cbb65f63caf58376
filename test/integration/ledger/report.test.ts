import { describe } from "vitest";
import type { Envelope } from "../../../protocol/wire/messages.ts";
import { maxReports } from "../../../protocol/wire/report.ts";
import type { LedgerBench } from "../../support/ledger.ts";
import { ended, job, passing, test } from "../../support/ledger.ts";

const keepMs = 60_000;

/** Runs job `id` on node 1; answers its delivery. */
async function running(bench: LedgerBench, id: string): Promise<Envelope> {
  const { ear } = await bench.connect("1", 1);
  await bench.ledger.dispatch([job(id)]);
  await ear.settled();
  const [envelope] = ear.envelopes();
  if (envelope === undefined) throw new Error("expected a delivery");
  return envelope;
}

describe("a report", () => {
  test("is kept in order and published to watchers of its job only", async ({ bench, expect }) => {
    const ear = await bench.listenToReports("a:b@1~+=");
    const other = await bench.listenToReports("a:b@1");
    const { node, attempt, token } = await running(bench, "a:b@1~+=");
    const from = { node, attempt, token };
    const lines = [{ level: "info" as const, message: 'é "\n', fields: { id: "7" } }];
    const one = { ...from, progress: { done: 1 }, moved: true as const, lines };
    expect(await bench.nodes.report("default", "a:b@1~+=", one, keepMs)).toBe(true);
    expect(await bench.nodes.report("default", "a:b@1~+=", { ...from, dropped: 3 }, keepMs)).toBe(
      true,
    );
    const kept = await bench.ledger.reports("default", "a:b@1~+=", "-");
    expect(kept).toMatchObject([one, { ...from, dropped: 3 }]);
    await Promise.all([ear.settled(), other.settled()]);
    expect(ear.heard.map((text) => JSON.parse(text) as unknown)).toEqual(
      kept.map(({ entry }) => ({ v: 1, queue: "default", id: "a:b@1~+=", entry })),
    );
    expect(other.heard).toEqual([]);
    const [first] = kept;
    expect(await bench.ledger.reports("default", "a:b@1~+=", `(${first?.entry ?? ""}`)).toEqual(
      kept.slice(1),
    );
  });

  test("costs five commands", async ({ bench, expect }) => {
    const { node, attempt, token } = await running(bench, "j");
    const send = () =>
      bench.nodes.report("default", "j", { node, attempt, token, dropped: 1 }, keepMs);
    await send(); // loads the script
    await bench.redis.call("CONFIG", "RESETSTAT");
    await send();
    const stats = await bench.redis.info("commandstats");
    const calls = [...stats.matchAll(/cmdstat_(\w+)\S*:calls=(\d+)/g)].map(([, name, count]) => [
      name,
      count,
    ]);
    expect(calls.filter(([name]) => name !== "config").sort()).toEqual(
      ["evalsha", "pexpire", "publish", "xadd", "zscore"].map((name) => [name, "1"]),
    );
  });

  test("of an attempt that has lost its lease is refused", async ({ bench, expect }) => {
    const ear = await bench.listenToReports("j");
    const envelope = await running(bench, "j");
    await bench.nodes.finish("default", [ended(envelope)], passing("1"));
    expect(await bench.nodes.report("default", "j", { ...envelope, dropped: 1 }, keepMs)).toBe(
      false,
    );
    await ear.settled();
    expect(ear.heard).toEqual([]);
    expect(await bench.ledger.reports("default", "j", "-")).toEqual([]);
  });

  test("is kept among the newest fifty, and as long as was requested", async ({
    bench,
    expect,
  }) => {
    const { node, attempt, token } = await running(bench, "j");
    for (let dropped = 1; dropped <= maxReports + 10; dropped++) {
      await bench.nodes.report("default", "j", { node, attempt, token, dropped }, keepMs);
    }
    const kept = await bench.ledger.reports("default", "j", "-");
    expect(kept.map(({ dropped }) => dropped)).toEqual(
      Array.from({ length: maxReports }, (_, at) => at + 11),
    );
    const left = await bench.redis.pttl(bench.keys.reportsOf("j"));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(keepMs);
    await bench.nodes.report("default", "j", { node, attempt, token, dropped: 1 }, 1);
    while ((await bench.redis.exists(bench.keys.reportsOf("j"))) === 1);
    expect(await bench.ledger.reports("default", "j", "-")).toEqual([]);
  });
});
