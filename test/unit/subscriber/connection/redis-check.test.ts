import { describe, expect, test } from "vitest";
import { judgeRedis } from "../../../../subscriber/connection/redis-check.ts";

describe("judgeRedis", () => {
  const info = (policy: string, maxmemory: number, aof: 0 | 1) =>
    `# Memory\r\nmaxmemory:${maxmemory}\r\nmaxmemory_human:x\r\nmaxmemory_policy:${policy}\r\naof_enabled:${aof}\r\n`;

  test("refuses a Redis that evicts, and says how to set it right", () => {
    expect(judgeRedis(info("allkeys-lru", 1_000, 1)).refused).toMatch(/noeviction.*config set/s);
    expect(judgeRedis(info("allkeys-lru", 0, 1))).toMatchObject({ refused: null });
    expect(judgeRedis(info("allkeys-lru", 0, 1)).doubts).toHaveLength(1);
  });

  test("doubts one without an append-only file, and trusts one that shows nothing", () => {
    expect(judgeRedis(info("noeviction", 5, 0)).doubts).toEqual([
      expect.stringMatching(/appendonly/),
    ]);
    expect(judgeRedis(info("noeviction", 5, 1))).toEqual({ refused: null, doubts: [] });
    expect(judgeRedis("")).toEqual({ refused: null, doubts: [] });
  });
});
