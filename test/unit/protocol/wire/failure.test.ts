import { describe, expect, test } from "vitest";
import { retryDelayMs } from "../../../../protocol/wire/failure.ts";

describe("retryDelayMs", () => {
  const failure = { retryable: true };

  test("ends the job if its attempts are used up or the failure is not retryable", () => {
    expect(retryDelayMs(failure, { attempt: 3 }, 0)).toBeNull();
    expect(retryDelayMs(failure, { attempt: 2 }, 0)).not.toBeNull();
    expect(retryDelayMs({ retryable: false }, { attempt: 1 }, 0)).toBeNull();
    expect(retryDelayMs(failure, { attempt: 1, attempts: 1 }, 0)).toBeNull();
  });

  test("follows each kind of back-off", () => {
    const at = (backoff: Parameters<typeof retryDelayMs>[1]["backoff"], random = 0) =>
      [1, 2, 3, 9].map((attempt) =>
        retryDelayMs(failure, { attempt, attempts: 99, ...(backoff ? { backoff } : {}) }, random),
      );
    expect(at({ kind: "fixed", delayMs: 7 })).toEqual([7, 7, 7, 7]);
    expect(at({ kind: "exponential", delayMs: 100, capMs: 350 })).toEqual([100, 200, 350, 350]);
    expect(at({ kind: "list", delaysMs: [1, 5] })).toEqual([1, 5, 5, 5]);
    expect(at({ kind: "list", delaysMs: [] })).toEqual([0, 0, 0, 0]);
    expect(at({ kind: "fixed", delayMs: 100, jitter: 1 }, 0.5)).toEqual([50, 50, 50, 50]);
    expect(at(undefined)).toEqual([1_000, 2_000, 4_000, 256_000]);
  });

  test("prefers what the handler requested, up to a week", () => {
    expect(retryDelayMs({ retryable: true, retryAfterMs: 42 }, { attempt: 1 }, 0.9)).toBe(42);
    expect(retryDelayMs({ retryable: true, retryAfterMs: 1e12 }, { attempt: 1 }, 0)).toBe(
      604_800_000,
    );
  });
});
