import { describe, test } from "vitest";
import type { NodeLedger } from "../../../../protocol/ledger/nodes.ts";
import { createForeignResults } from "../../../../subscriber/foreign/foreign-results.ts";

/** Records which bare ids are looked for in the ledger: those that are not taken for our own. */
function create() {
  const looked: string[] = [];
  const foreign = createForeignResults({
    ledger: {
      read: (_, id) => {
        looked.push(id);
        return Promise.resolve(null);
      },
      nodes: () => Promise.resolve([]),
    },
    nodeLedger: {} as NodeLedger,
    onStored: () => undefined,
    onUnreadable: () => undefined,
  });
  return { foreign, looked };
}

describe("a bare id on the result channel", () => {
  test("is our own as often as we have published it", async ({ expect }) => {
    const { foreign, looked } = create();
    foreign.willPublish("42");
    foreign.willPublish("42");
    for (let time = 0; time < 3; time++) await foreign.onMessage("42");
    expect(looked).toEqual(["42"]);
  });

  test("is not our own if we could not publish it", async ({ expect }) => {
    const { foreign, looked } = create();
    foreign.willPublish("42");
    foreign.hasNotPublished("42");
    await foreign.onMessage("42");
    expect(looked).toEqual(["42"]);
  });

  test("is not our own if we have subscribed anew since: ours was missed", async ({ expect }) => {
    const { foreign, looked } = create();
    foreign.willPublish("42");
    foreign.onSubscribed();
    await foreign.onMessage("42");
    expect(looked).toEqual(["42"]);
  });
});
