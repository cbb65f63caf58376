import { describe } from "vitest";
import { ended, job, taking, test } from "../../support/ledger.ts";

const day = 86_400_000;
const keep = {
  retentionMs: day,
  maxFinished: 100_000,
  outboxMs: 7 * day,
  failedMs: 7 * day,
  maxFailed: 10_000,
};

describe("a job that is deleted", () => {
  test("leaves nothing in the failed set and none of its errors", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a", { attempts: 2 })]);
    const retry = { state: "retry", text: '{"code":"no"}', delayMs: 0 } as const;
    await ear.settled();
    const first = ear.envelopes().map((each) => ({ ...ended(each), ...retry }));
    await bench.nodes.finish("default", first, taking("1"));
    await bench.maintenance.runDue(["default"], 10);
    await ear.settled();
    const second = ear.envelopes().slice(1);
    await bench.nodes.finish(
      "default",
      second.map((each) => ended(each, "failed")),
      taking("1"),
    );
    const { errors, failed } = bench.keys;
    expect(await bench.redis.exists(errors, failed)).toBe(2);
    expect(await bench.ledger.delete("default", ["a"])).toEqual(["deleted"]);
    expect(await bench.redis.exists(errors, failed)).toBe(0);
  });
});

describe("a job that is sent again", () => {
  test("is no longer in the failed set", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a")]);
    await ear.settled();
    const endings = ear.envelopes().map((each) => ended(each, "failed"));
    await bench.nodes.finish("default", endings, taking("1"));
    expect(await bench.redis.zrange(bench.keys.failed, "0", "-1")).toEqual(["a"]);
    await bench.ledger.resend("default", ["a"]);
    expect(await bench.redis.exists(bench.keys.failed)).toBe(0);
  });

  test("is listed again once, whatever entries it has had", async ({ bench, expect }) => {
    await bench.ledger.dispatch([job("a")]);
    await bench.ledger.cancel("default", "a");
    await bench.ledger.resend("default", ["a"]);
    bench.clock.advance(day);
    await bench.maintenance.prune(["default"], keep);
    expect((await bench.state()).indexed).toEqual(["a"]);
  });
});
