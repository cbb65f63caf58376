import { describe } from "vitest";
import type { LedgerBench } from "../../support/ledger.ts";
import { ended, job, jobs, memberOf, taking, test, timing } from "../../support/ledger.ts";

async function recoverNow(bench: LedgerBench) {
  const [recovered] = await bench.maintenance.recover(["default"], 100);
  return recovered?.value;
}

describe("the watch over leases", () => {
  const soon = { v: 1, queue: "default", leaseInMs: timing.unacknowledgedMs };

  test("is announced with the first lease after none was held, and with no other", async ({
    bench,
    expect,
  }) => {
    const control = await bench.listenToControl();
    const said = async () => {
      await control.settled();
      return control.heard.map((text) => JSON.parse(text) as unknown);
    };
    const { ear } = await bench.connect("1", 3);
    await bench.ledger.dispatch(jobs(2));
    expect(await said()).toEqual([soon]);
    await bench.ledger.dispatch([job("third")]);
    await ear.settled();
    await bench.nodes.finish(
      "default",
      ear.envelopes().map((each) => ended(each)),
      taking("1"),
    );
    await bench.ledger.dispatch([job("before-the-check")]);
    expect(await said()).toEqual([soon]);
    await ear.settled();
    await bench.nodes.finish(
      "default",
      ear
        .envelopes()
        .slice(3)
        .map((each) => ended(each)),
      taking("1"),
    );
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: null });
    await bench.ledger.dispatch([job("after")]);
    expect(await said()).toEqual([soon, soon]);
  });

  test("continues while a lease is held, and ends with the last one", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a")]);
    await ear.settled();
    await bench.nodes.renew("default", ear.envelopes().map(memberOf));
    bench.clock.advance(timing.unacknowledgedMs);
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: 2_001 });
    await bench.nodes.finish(
      "default",
      ear.envelopes().map((each) => ended(each)),
      taking("1"),
    );
    bench.clock.advance(2_000);
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: 1 });
    bench.clock.advance(1);
    expect(await recoverNow(bench)).toEqual({ again: 0, ended: 0, nextInMs: null });
    expect(await bench.redis.exists(bench.keys.leases)).toBe(0);
  });

  test("of more leases than one command takes is announced once", async ({ bench, expect }) => {
    const control = await bench.listenToControl();
    await bench.connect("1", 3_000);
    await bench.ledger.dispatch(jobs(2_500));
    await control.settled();
    expect(control.heard.map((text) => JSON.parse(text) as unknown)).toEqual([soon]);
    expect((await bench.state()).leases).toHaveLength(2_500);
  });
});
