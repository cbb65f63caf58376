import { describe, test } from "vitest";
import { jobs } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";

/** Redis cuts off a subscriber that falls 32 MB behind. */
const specs = jobs(160, "large", { payload: "x".repeat(262_000) });

describe("more than Redis lets a subscriber fall behind", () => {
  test("reaches a node that joins on one connection", async ({ expect }) => {
    await using server = await startRedisServer();
    await using bench = await openRealLedger(server.url);
    for (const spec of specs) await bench.ledger.dispatch([spec]);
    await using running = await runSubscriber({
      url: server.url,
      env: { SIGNALBOX_NODES: "1:200", SIGNALBOX_UNACKNOWLEDGED_MS: "10000" },
      handlers: { echo: () => null },
    });
    await bench.allEnded(specs);
    expect(running.seen("disconnected")).toEqual([]);
    expect(running.seen("attempt:started")).toHaveLength(specs.length);
    expect(await bench.problems()).toEqual([]);
  });
});
