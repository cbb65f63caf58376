import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import { createAttempts } from "../../../../subscriber/attempt/attempts.ts";
import { createRenewer } from "../../../../subscriber/attempt/renewer.ts";
import { attemptOf, envelopeOf, recordedEvents } from "../fakes.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const timing = { unacknowledgedMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 };

/** Starts one attempt; records when it is renewed, in milliseconds from its start, and why it is aborted. */
function start(renew: () => Promise<readonly number[]>) {
  const beganAt = performance.now();
  const renewedAt: number[] = [];
  const aborted: string[] = [];
  const attempts = createAttempts();
  const { events, seen: failed } = recordedEvents("redis:failed");
  const nodeLedger = {
    renew: () => {
      renewedAt.push(Math.round(performance.now() - beganAt));
      return renew();
    },
  };
  const renewer = createRenewer({ nodeLedger, attempts, timing, events });
  const attempt = attemptOf(envelopeOf("x"), {
    abort: (cause) => aborted.push(cause),
    renewAt: renewer.firstRenewal(),
  });
  attempts.add(attempt);
  renewer.started(attempt);
  return { renewedAt, aborted, failed };
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

  test("that is lost stops its attempt", async ({ expect }) => {
    const { aborted } = start(() => Promise.resolve([0]));
    await vi.advanceTimersByTimeAsync(250);
    expect(aborted).toEqual(["lease_lost"]);
  });

  test("that the reply names and nobody renewed is a reply of another version", async ({
    expect,
  }) => {
    const { aborted, failed } = start(() => Promise.resolve([1]));
    await vi.advanceTimersByTimeAsync(250);
    expect(aborted).toEqual([]);
    expect(failed).toMatchObject([{ during: "renew", error: { code: "reply_unexpected" } }]);
  });
});
