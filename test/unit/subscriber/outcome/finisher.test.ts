import { describe, test } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import type { NodeLedger, SlotUse } from "../../../../protocol/ledger/nodes.ts";
import { createEvents } from "../../../../subscriber/events.ts";
import { createFinisher } from "../../../../subscriber/outcome/finisher.ts";
import { createAssignment } from "../../../../subscriber/membership/assignment.ts";
import { until } from "../../../support/until.ts";

describe("a finisher", () => {
  test("asks again for jobs that wait where its call failed", async ({ expect }) => {
    const asked: (readonly SlotUse[])[] = [];
    const seat = createAssignment({ node: "1", queue: "default", slots: 1 });
    seat.phase = "live";
    const finisher = createFinisher({
      ledger: {
        finish: (_queue: string, _endings: unknown, use: { nodes: readonly SlotUse[] }) => {
          asked.push(use.nodes);
          return asked.length === 1
            ? Promise.reject(new SignalboxError("redis_unavailable", "away"))
            : Promise.resolve({ verdicts: [], next: [], waiting: [], entry: null });
        },
      } as unknown as NodeLedger,
      ...{
        queue: "default",
        assignments: new Map([["1", seat]]),
        events: createEvents(() => undefined),
      },
      ...{ onVerdict: () => undefined, onNext: () => undefined, onStored: () => undefined },
      signal: new AbortController().signal,
    });
    seat.waiting = true;
    finisher.fetch();
    await until(() => asked.length === 2, { or: "a second call" });
    const use = [{ node: "1", mode: "take", waiting: true }];
    expect(asked).toEqual([use, use]);
    await until(() => !seat.waiting, { or: "the hint to be used up" });
  });
});
