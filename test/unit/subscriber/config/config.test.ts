import { describe, expect, test } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import { readConfig } from "../../../../subscriber/config/config.ts";

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

describe("readConfig", () => {
  test("needs three settings and has a default for each other", () => {
    expect(readConfig(good)).toMatchObject({
      redisUrl: good.REDIS_URL,
      assignments: [
        { node: "1", queue: "default", slots: 10 },
        { node: "2", queue: "default", slots: 10 },
      ],
      callbackUrl: undefined,
      drainMs: 60_000,
      pingMs: 120_000,
      maxResultBytes: 262_144,
      naming: { keyPrefix: "signalbox", channelPrefix: "" },
      logLevel: "info",
      timing: { unacknowledgedMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 },
    });
  });

  test("applies slots and queues to nodes that name none", () => {
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

  test("names every variable at fault together", () => {
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
      "REDIS_URL",
      "SIGNALBOX_HANDLERS",
      "SIGNALBOX_NODES",
      "SIGNALBOX_SLOTS",
      "LOG_LEVEL",
      "SIGNALBOX_KEY_PREFIX",
      "SIGNALBOX_CHANNEL_PREFIX",
      "SIGNALBOX_LEASE_MS",
      "SIGNALBOX_SIGNING_SECRET",
    ]) {
      expect(names, problems.join("\n")).toContain(name);
    }
  });

  test("says what is missing from an empty environment", () => {
    const names = problemsOf({}).map((problem) => problem.split(":")[0]);
    expect(names.toSorted()).toEqual(["REDIS_URL", "SIGNALBOX_HANDLERS", "SIGNALBOX_NODES"]);
  });

  test("needs the secret if there is a callback", () => {
    const env = { ...good, SIGNALBOX_CALLBACK_URL: "https://x.test/" };
    expect(problemsOf(env)).toHaveLength(1);
    expect(problemsOf({ ...env, SIGNALBOX_SIGNING_SECRET: "" })).toHaveLength(1);
    expect(problemsOf({ ...env, SIGNALBOX_SIGNING_SECRET: "whsec_x" })).toEqual([]);
  });

  test("still reads SIGNALBOX_UNHEARD_MS, the old name of SIGNALBOX_UNACKNOWLEDGED_MS", () => {
    const old = { ...good, SIGNALBOX_UNHEARD_MS: "2000" };
    expect(readConfig(old).timing.unacknowledgedMs).toBe(2_000);
    expect(problemsOf({ ...old, SIGNALBOX_UNACKNOWLEDGED_MS: "2000" })).toEqual([]);
    expect(problemsOf({ ...old, SIGNALBOX_UNACKNOWLEDGED_MS: "3000" })).toEqual([
      expect.stringMatching(/SIGNALBOX_UNACKNOWLEDGED_MS.*SIGNALBOX_UNHEARD_MS/),
    ]);
    expect(problemsOf({ ...good, SIGNALBOX_UNHEARD_MS: "1" })).toEqual([
      expect.stringMatching(/^SIGNALBOX_UNHEARD_MS: /),
    ]);
  });

  test.each([
    "SIGNALBOX_SLOTS",
    "SIGNALBOX_QUEUES",
    "SIGNALBOX_CALLBACK_URL",
    "SIGNALBOX_SIGNING_SECRET",
    "SIGNALBOX_KEY_PREFIX",
    "SIGNALBOX_CHANNEL_PREFIX",
    "SIGNALBOX_UNACKNOWLEDGED_MS",
    "SIGNALBOX_LEASE_MS",
    "SIGNALBOX_FOREIGN_MS",
    "SIGNALBOX_DRAIN_MS",
    "SIGNALBOX_PING_MS",
    "SIGNALBOX_MAX_RESULT_BYTES",
    "SIGNALBOX_ALLOW_EVICTION",
    "LOG_LEVEL",
  ])("takes %s that holds nothing for not set", (name) => {
    for (const nothing of ["", " ", "\t", "\r\n"])
      expect(readConfig({ ...good, [name]: nothing })).toEqual(readConfig(good));
  });

  test("names what is required and holds nothing", () => {
    for (const name of Object.keys(good))
      expect(problemsOf({ ...good, [name]: " " })).toEqual([expect.stringMatching(`^${name}: `)]);
    for (const nothing of ["", "  "])
      expect(problemsOf({ ...good, SIGNALBOX_ENVELOPE_SECRET: nothing })).toEqual([
        expect.stringMatching(/^SIGNALBOX_ENVELOPE_SECRET: expected .*, got nothing/),
      ]);
  });

  test("shows no secret", () => {
    const secrets = { REDIS_URL: "rediss//:hunter2@h", SIGNALBOX_SIGNING_SECRET: "whsec_hunter2" };
    const problems = problemsOf({ ...secrets, SIGNALBOX_CALLBACK_URL: "ftp://hunter2" });
    expect(problems.length).toBeGreaterThan(1);
    expect(problems.join("\n")).not.toContain("hunter2");
  });
});
