import { describe, expect, test } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import { readConfig } from "../../../../subscriber/config/config.ts";
import { parseNodes } from "../../../../subscriber/config/nodes.ts";
import { judgeRedis } from "../../../../subscriber/connection/redis-check.ts";

const defaults = { slots: 10, queues: ["default"] };
const good = {
  REDIS_URL: "redis://user:hunter2@127.0.0.1:6379",
  SIGNALBOX_NODES: "1,2",
  SIGNALBOX_HANDLERS: "./handlers.ts",
};

function problemsOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(SignalboxError);
    expect(error).toMatchObject({ code: "config_invalid" });
    return (error as Error).message.split("\n");
  }
  return [];
}

describe("parseNodes", () => {
  test.each([
    ["1,2,3", ["1@default:10", "2@default:10", "3@default:10"]],
    [" a , b ,", ["a@default:10", "b@default:10"]],
    ["gpu:1@render+thumbs:8,cpu", ["gpu@render:1", "gpu@thumbs:8", "cpu@default:10"]],
    ["n@a,n@b", ["n@a:10", "n@b:10"]],
    ["n:1000", ["n@default:1000"]],
  ])("reads %j", (text, wanted) => {
    const assignments = parseNodes(text, defaults);
    expect(assignments.map(({ node, queue, slots }) => `${node}@${queue}:${slots}`)).toEqual(
      wanted,
    );
  });

  test.each([
    ...["", ",", " ", "a,a", "a@q,a@q", "a@q+q", "a@b@c", "a:0", "a:1001", "a:-1", "a:1.5", "a:"],
    ...["a:x", "a:1:2", "a b", "a{b", "ü", "@q", "a@", "a@q+", "x".repeat(65), "a:1e2"],
  ])("refuses %j", (text) => {
    expect(() => parseNodes(text, defaults)).toThrow(/^SIGNALBOX_NODES: expected .*, got "/);
  });
});

describe("readConfig", () => {
  test("needs three settings and has a default for each other", () => {
    expect(readConfig(good)).toMatchObject({
      redisUrl: good.REDIS_URL,
      assignments: [
        { node: "1", queue: "default", slots: 10 },
        { node: "2", queue: "default", slots: 10 },
      ],
      ...{ callbackUrl: undefined, drainMs: 60_000, pingMs: 120_000, maxResultBytes: 262_144 },
      ...{ naming: { keyPrefix: "signalbox", channelPrefix: "" }, logLevel: "info" },
      timing: { unacknowledgedMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 },
    });
  });

  test("applies slots and queues to nodes that say nothing of them", () => {
    const env = {
      ...good,
      SIGNALBOX_SLOTS: "3",
      SIGNALBOX_QUEUES: "a, b",
      SIGNALBOX_NODES: "1,2:9@c",
    };
    const assignments = readConfig(env).assignments.map(
      ({ node, queue, slots }) => `${node}@${queue}:${slots}`,
    );
    expect(assignments).toEqual(["1@a:3", "1@b:3", "2@c:9"]);
  });

  test("names every variable at fault at once", () => {
    const problems = problemsOf({
      REDIS_URL: "http://x",
      SIGNALBOX_NODES: "a,a",
      SIGNALBOX_SLOTS: "many",
      SIGNALBOX_CALLBACK_URL: "https://x.test/",
      SIGNALBOX_KEY_PREFIX: "a b",
      SIGNALBOX_CHANNEL_PREFIX: "a,b",
      SIGNALBOX_LEASE_MS: "1",
      LOG_LEVEL: "loud",
    });
    const names = problems.map((problem) => problem.split(":")[0]);
    for (const name of [
      ...["REDIS_URL", "SIGNALBOX_HANDLERS", "SIGNALBOX_NODES", "SIGNALBOX_SLOTS", "LOG_LEVEL"],
      ...["SIGNALBOX_KEY_PREFIX", "SIGNALBOX_CHANNEL_PREFIX", "SIGNALBOX_LEASE_MS"],
      "SIGNALBOX_SIGNING_SECRET",
    ]) {
      expect(names, problems.join("\n")).toContain(name);
    }
  });

  test("says what is missing from an empty environment", () => {
    const names = problemsOf({}).map((problem) => problem.split(":")[0]);
    expect(names.toSorted()).toEqual(["REDIS_URL", "SIGNALBOX_HANDLERS", "SIGNALBOX_NODES"]);
  });

  test("wants the secret where there is a callback", () => {
    const env = { ...good, SIGNALBOX_CALLBACK_URL: "https://x.test/" };
    expect(problemsOf(env)).toHaveLength(1);
    expect(problemsOf({ ...env, SIGNALBOX_SIGNING_SECRET: "" })).toHaveLength(1);
    expect(problemsOf({ ...env, SIGNALBOX_SIGNING_SECRET: "whsec_x" })).toEqual([]);
  });

  test("shows no secret", () => {
    const secrets = { REDIS_URL: "rediss//:hunter2@h", SIGNALBOX_SIGNING_SECRET: "whsec_hunter2" };
    const problems = problemsOf({ ...secrets, SIGNALBOX_CALLBACK_URL: "ftp://hunter2" });
    expect(problems.length).toBeGreaterThan(1);
    expect(problems.join("\n")).not.toContain("hunter2");
  });
});

describe("judgeRedis", () => {
  const info = (policy: string, maxmemory: number, aof: 0 | 1) =>
    `# Memory\r\nmaxmemory:${maxmemory}\r\nmaxmemory_human:x\r\nmaxmemory_policy:${policy}\r\naof_enabled:${aof}\r\n`;

  test("refuses a Redis that evicts, and says how to set it right", () => {
    expect(judgeRedis(info("allkeys-lru", 1_000, 1)).refused).toMatch(/noeviction.*config set/s);
    expect(judgeRedis(info("allkeys-lru", 0, 1))).toMatchObject({ refused: null });
    expect(judgeRedis(info("allkeys-lru", 0, 1)).doubts).toHaveLength(1);
  });

  test("doubts one without an append-only file, and trusts one that says nothing", () => {
    expect(judgeRedis(info("noeviction", 5, 0)).doubts).toEqual([
      expect.stringMatching(/appendonly/),
    ]);
    expect(judgeRedis(info("noeviction", 5, 1))).toEqual({ refused: null, doubts: [] });
    expect(judgeRedis("")).toEqual({ refused: null, doubts: [] });
  });
});
