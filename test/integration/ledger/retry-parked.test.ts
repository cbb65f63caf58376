import { describe } from "vitest";
import { ended, job, jobs, taking, test } from "../../support/ledger.ts";

describe("retryParked", () => {
  test("sends a foreign node what waited, once it listens", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(3, "own", { node: "7" }));
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 3 },
    ]);
    const ear = await bench.listen("7");
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 0 },
    ]);
    await ear.settled();
    expect(ear.heard).toEqual(["own1", "own2", "own3"]);
    expect((await bench.state()).parked).toEqual([]);
  });

  test("tells a busy node again that jobs wait, as the message may have been lost", async ({
    bench,
    expect,
  }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a"), job("own", { node: "1" })]);
    await ear.settled();
    const before = ear.heard.length;
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 0 },
    ]);
    await bench.ledger.dispatch([job("more", { node: "1" })]);
    await bench.maintenance.retryParked(["default"], 10);
    await ear.settled();
    expect(ear.heard.slice(before).filter((text) => text.includes('"waiting":true'))).toHaveLength(
      2,
    );
  });

  test("uses a slot that has become free since", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await bench.ledger.dispatch([job("a", { node: "1" })]);
    await bench.ledger.dispatch([job("own", { node: "1" })]);
    await ear.settled();
    await bench.nodes.finish(
      "default",
      ear.envelopes().map((each) => ended(each)),
      taking("1"),
    );
    expect((await bench.state()).free).toEqual(["1"]);
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 0 },
    ]);
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(["a", "own"]);
  });

  test("takes at most its limit from each node, in order", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(5, "own", { node: "7" }));
    const ear = await bench.listen("7");
    expect(await bench.maintenance.retryParked(["default"], 2)).toEqual([
      { queue: "default", value: 3 },
    ]);
    await ear.settled();
    expect(ear.heard).toEqual(["own1", "own2"]);
    expect((await bench.state()).named.get("7")).toEqual(["own3", "own4", "own5"]);
  });

  test("leaves jobs alone that wait for a node that is gone", async ({ bench, expect }) => {
    const { ear } = await bench.connect("1", 1);
    await ear.close();
    await bench.ledger.dispatch(jobs(2, "own", { node: "1" }));
    const before = await bench.state();
    expect(await bench.maintenance.retryParked(["default"], 10)).toEqual([
      { queue: "default", value: 2 },
    ]);
    expect(await bench.state()).toEqual(before);
  });
});
