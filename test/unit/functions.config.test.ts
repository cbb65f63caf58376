import { test } from "vitest";
import { readConfig } from "../../functions/config.ts";

const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
const env = {
  UPSTASH_REDIS_REST_URL: "https://redis.test",
  UPSTASH_REDIS_REST_TOKEN: "the-rest-token",
  SIGNALBOX_TOKEN: "client-token-0123456789",
  SIGNALBOX_SIGNING_SECRET: secret,
};

/** What is said of a configuration that is wrong. */
async function problems(given: Readonly<Record<string, unknown>>): Promise<string> {
  try {
    await readConfig(given);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "config_invalid") {
      return error.message;
    }
    throw error;
  }
  return "";
}

test("what is required is enough", async ({ expect }) => {
  expect(await readConfig(env)).toMatchObject({
    redis: { url: "https://redis.test", token: "the-rest-token" },
    naming: { keyPrefix: "signalbox", channelPrefix: "" },
    ...{ maxPayloadBytes: 262_144, maxDepth: 64 },
    retention: {
      ...{ retentionMs: 86_400_000, maxFinished: 100_000 },
      ...{ failedMs: 604_800_000, maxFailed: 10_000, outboxMs: 604_800_000 },
    },
    timing: { unheardMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 },
    maxSchedules: 100_000,
  });
});

test("everything can be set, numbers also as text", async ({ expect }) => {
  const config = await readConfig({
    ...env,
    SIGNALBOX_KEY_PREFIX: "app:box",
    SIGNALBOX_CHANNEL_PREFIX: "app:",
    SIGNALBOX_MAX_PAYLOAD_BYTES: 1_000,
    SIGNALBOX_MAX_DEPTH: "5",
    SIGNALBOX_RETENTION_MS: "60000",
    SIGNALBOX_MAX_FINISHED: "10",
    SIGNALBOX_FAILED_MS: "120000",
    SIGNALBOX_MAX_FAILED: 20,
    SIGNALBOX_UNHEARD_MS: "1000",
    SIGNALBOX_LEASE_MS: "3000",
    SIGNALBOX_FOREIGN_MS: "30000",
    SIGNALBOX_SIGNING_SECRET: `${secret} ${secret}`,
    SIGNALBOX_MAX_SCHEDULES: "500",
    ASSETS: { fetch: () => undefined },
  });
  expect(config).toMatchObject({
    naming: { keyPrefix: "app:box", channelPrefix: "app:" },
    ...{ maxPayloadBytes: 1_000, maxDepth: 5 },
    retention: { retentionMs: 60_000, maxFinished: 10, failedMs: 120_000, maxFailed: 20 },
    timing: { unheardMs: 1_000, leaseMs: 3_000, foreignMs: 30_000 },
    maxSchedules: 500,
  });
  expect(config.signingKeys).toHaveLength(2);
});

test("all problems are named together", async ({ expect }) => {
  const said = await problems({});
  for (const name of Object.keys(env)) expect(said).toContain(`${name}: expected`);
});

const wrong: readonly (readonly [name: string, value: unknown])[] = [
  ["UPSTASH_REDIS_REST_URL", "redis://shown.test"],
  ["UPSTASH_REDIS_REST_URL", "https://user:shown@redis.test"],
  ["UPSTASH_REDIS_REST_URL", " https://shown.test"],
  ["UPSTASH_REDIS_REST_TOKEN", ""],
  ["UPSTASH_REDIS_REST_TOKEN", "shown \n"],
  ["SIGNALBOX_TOKEN", "shown"],
  ["SIGNALBOX_TOKEN", "shown with some spaces"],
  ["SIGNALBOX_SIGNING_SECRET", "whsec_shown"],
  ["SIGNALBOX_SIGNING_SECRET", ""],
  ["SIGNALBOX_SIGNING_SECRET", `${secret} shown`],
  ["SIGNALBOX_KEY_PREFIX", "{shown}"],
  ["SIGNALBOX_KEY_PREFIX", ""],
  ["SIGNALBOX_CHANNEL_PREFIX", "shown,"],
  ["SIGNALBOX_MAX_PAYLOAD_BYTES", "0"],
  ["SIGNALBOX_MAX_PAYLOAD_BYTES", "1k"],
  ["SIGNALBOX_MAX_DEPTH", "-1"],
  ["SIGNALBOX_RETENTION_MS", "1.5"],
  ["SIGNALBOX_MAX_FINISHED", ""],
  ["SIGNALBOX_FAILED_MS", "999"],
  ["SIGNALBOX_FAILED_MS", "31536000001"],
  ["SIGNALBOX_MAX_FAILED", "0"],
  ["SIGNALBOX_MAX_FAILED", "1000001"],
  ["SIGNALBOX_MAX_SCHEDULES", "0"],
  ["SIGNALBOX_UNHEARD_MS", "99"],
  ["SIGNALBOX_UNHEARD_MS", "10s"],
  ["SIGNALBOX_LEASE_MS", "299"],
  ["SIGNALBOX_LEASE_MS", "86400001"],
  ["SIGNALBOX_FOREIGN_MS", "-1"],
  ["SIGNALBOX_FOREIGN_MS", ""],
];
test.for(wrong)("%s may not be %j", async ([name, value], { expect }) => {
  const said = await problems({ ...env, [name]: value });
  expect(said).toMatch(new RegExp(`^${name}[:.]`));
  expect(said).not.toContain("shown");
});
