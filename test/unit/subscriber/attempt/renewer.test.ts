import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import type { NodeLedger } from "../../../../protocol/ledger/nodes.ts";
import { createAttempts, type Attempt } from "../../../../subscriber/attempt/attempts.ts";
import { createEvents } from "../../../../subscriber/events.ts";
import { createRenewer } from "../../../../subscriber/attempt/renewer.ts";
import { createAssignment } from "../../../../subscriber/membership/assignment.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const timing = { unacknowledgedMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 };

/** Starts one attempt; records when it is renewed, in milliseconds from its start. */
function start(renew: () => Promise<readonly number[]>) {
  const startedAt = performance.now();
  const renewedAt: number[] = [];
  const attempts = createAttempts();
  const renewer = createRenewer({
    ledger: {
      renew: () => {
        renewedAt.push(Math.round(performance.now() - startedAt));
        return renew();
      },
    } as unknown as NodeLedger,
    ...{ attempts, timing, events: createEvents(() => undefined), onLost: () => undefined },
  });
  const attempt: Attempt = {
    envelope: {
      ...{ v: 1, queue: "default", node: "1", token: "1-0.1", attempt: 1, id: "x", name: "echo" },
    },
    assignment: createAssignment({ node: "1", queue: "default", slots: 1 }),
    ...{ member: "x 1-0.1 1", abort: () => undefined, cause: undefined, hasEnded: false },
    renewAt: renewer.firstRenewal(),
  };
  attempts.add(attempt);
  renewer.started(attempt);
  return { renewedAt };
}

describe("a lease", () => {
  test("is first renewed after a quarter of a second, then each third of it", async ({
    expect,
  }) => {
    const { renewedAt } = start(() => Promise.resolve([]));
    await vi.advanceTimersByTimeAsync(249);
    expect(renewedAt).toEqual([]);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(renewedAt).toEqual([250, 10_250, 20_250]);
  });

  test("whose renewal failed is renewed a second later", async ({ expect }) => {
    const away = new SignalboxError("redis_unavailable", "away");
    const { renewedAt } = start(() => Promise.reject(away));
    await vi.advanceTimersByTimeAsync(2_500);
    expect(renewedAt).toEqual([250, 1_250, 2_250]);
  });
});
