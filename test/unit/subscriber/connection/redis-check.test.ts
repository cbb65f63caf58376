import { describe, expect, test } from "vitest";
import { judgeRedis, judgeServer } from "../../../../subscriber/connection/redis-check.ts";

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

describe("judgeServer", () => {
  const server = (fields: Readonly<Record<string, string>>) =>
    Object.entries(fields)
      .map(([name, value]) => `${name}:${value}\r\n`)
      .join("");

  test("refuses a Sentinel", () => {
    expect(judgeServer(server({ redis_mode: "sentinel" })).refused).toMatch(/Sentinel/);
  });

  test("doubts a replica and a server that is too old", () => {
    expect(judgeServer(server({ role: "slave" })).doubts).toEqual([
      expect.stringContaining("replica"),
    ]);
    for (const version of ["2.8.24", "5.0.14", "6.0.16"]) {
      expect(judgeServer(server({ redis_version: version, role: "master" })).doubts).toEqual([
        expect.stringContaining(`version ${version} is too old`),
      ]);
    }
  });

  test("trusts Redis 6.2 and later, Valkey, KeyDB, and one that shows nothing", () => {
    for (const version of ["6.2.0", "6.2.19", "6.3.4", "7.0.15", "7.2.4", "8.10.0", "10.0.1"]) {
      const info = server({ redis_version: version, redis_mode: "standalone", role: "master" });
      expect(judgeServer(info)).toEqual({ refused: null, doubts: [] });
    }
    expect(judgeServer("")).toEqual({ refused: null, doubts: [] });
  });
});
