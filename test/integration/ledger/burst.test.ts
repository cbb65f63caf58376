import { describe } from "vitest";
import { jobs, joinAs, memberOf, test } from "../../support/ledger.ts";

describe("a node for which many jobs wait", () => {
  test("is sent about 12 MiB, and asked to join again for the rest", async ({ bench, expect }) => {
    const { ear, epoch } = await bench.connect("1", 50);
    const specs = jobs(50, "large", { payload: "x".repeat(400_000) });
    await bench.ledger.dispatch(specs);
    await ear.settled();
    const sent = ear.envelopes();
    expect(sent).toHaveLength(32);
    expect(ear.heard.at(-1)).toContain('"rejoin":true');
    expect((await bench.state()).leases).toHaveLength(50);

    await joinAs(bench.nodes, { name: "1", slots: 50, epoch });
    await ear.settled();
    expect(ear.envelopes().slice(32)).toHaveLength(32);
    expect(ear.heard.at(-1)).toContain('"rejoin":true');

    const running = sent.map(memberOf);
    await joinAs(bench.nodes, { name: "1", slots: 50, epoch, running });
    await ear.settled();
    expect(ear.envelopes().slice(64)).toHaveLength(18);
    expect(ear.heard.at(-1)).not.toContain('"rejoin":true');
  });

  test("is sent thousands of jobs that it has missed", async ({ bench, expect }) => {
    await using foreign = await bench.listen("7");
    for (let batch = 0; batch < 9; batch++) {
      await bench.ledger.dispatch(jobs(1_000, `batch${batch}-`, { node: "7" }));
    }
    const { ear } = await bench.connect("7", 9_000);
    await ear.settled();
    expect(ear.envelopes()).toHaveLength(9_000);
    await foreign.settled();
  });
});

describe("a foreign node for which many jobs wait", () => {
  test("is sent about 12 MiB, and the rest later", async ({ bench, expect }) => {
    await bench.ledger.dispatch(jobs(50, "large", { node: "7", payload: "x".repeat(400_000) }));
    await using ear = await bench.listen("7");
    await bench.maintenance.retryParked(["default"], 100);
    await ear.settled();
    expect(ear.envelopes()).toHaveLength(32);
    expect((await bench.state()).named.get("7")).toHaveLength(18);

    await bench.maintenance.retryParked(["default"], 100);
    await ear.settled();
    expect(ear.envelopes().map(({ id }) => id)).toEqual(jobs(50, "large").map(({ id }) => id));
  });
});
