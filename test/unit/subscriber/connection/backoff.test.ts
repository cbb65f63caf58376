import { describe, expect, test } from "vitest";
import { backoffMs } from "../../../../subscriber/connection/backoff.ts";

describe("backoffMs", () => {
  test("doubles up to its cap, less at most half", () => {
    const at = (failures: number, random: number) =>
      backoffMs(failures, { firstMs: 100, capMs: 1_000, random: () => random });
    expect([1, 2, 3, 4, 5, 999].map((failures) => at(failures, 0))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(at(1, 0.999)).toBe(50);
    expect(Number.isFinite(backoffMs(1e9, { firstMs: 1, capMs: 60_000 }))).toBe(true);
  });
});
