import { createHash } from "node:crypto";
import { test } from "vitest";
import { readConfig } from "../../../functions/config.ts";

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
    maxPayloadBytes: 262_144,
    maxDepth: 64,
    retention: {
      retentionMs: 86_400_000,
      maxFinished: 100_000,
      failedMs: 604_800_000,
      maxFailed: 10_000,
      outboxMs: 604_800_000,
    },
    timing: { unacknowledgedMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 },
    maxSchedules: 100_000,
    envelopeKeys: undefined,
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
    SIGNALBOX_UNACKNOWLEDGED_MS: "1000",
    SIGNALBOX_LEASE_MS: "3000",
    SIGNALBOX_FOREIGN_MS: "30000",
    SIGNALBOX_SIGNING_SECRET: `${secret} ${secret}`,
    SIGNALBOX_ENVELOPE_SECRET: `next:${secret}`,
    SIGNALBOX_MAX_SCHEDULES: "500",
    ASSETS: { fetch: () => undefined },
  });
  expect(config).toMatchObject({
    naming: { keyPrefix: "app:box", channelPrefix: "app:" },
    maxPayloadBytes: 1_000,
    maxDepth: 5,
    retention: { retentionMs: 60_000, maxFinished: 10, failedMs: 120_000, maxFailed: 20 },
    timing: { unacknowledgedMs: 1_000, leaseMs: 3_000, foreignMs: 30_000 },
    maxSchedules: 500,
  });
  expect(config.signingKeys).toHaveLength(2);
  expect(config.envelopeKeys).toMatchObject([{ id: "next" }]);
});

const digest = "ab".repeat(32);

test("tokens are told by their digests, as JSON text or as a binding of JSON", async ({
  expect,
}) => {
  const entries = [
    {
      name: "shop",
      sha256: digest.toUpperCase(),
      scopes: ["dispatch", "read"],
      queues: ["a", "b"],
    },
    { name: "ops", sha256: "01".repeat(32), scopes: ["manage"], expiresAt: "2199-01-31T00:00:00Z" },
    { name: "batch", sha256: "02".repeat(32), scopes: ["dispatch"], rateLimit: "5/1m" },
  ];
  const { SIGNALBOX_TOKEN, ...rest } = env;
  const set = { ...rest, SIGNALBOX_RATE_LIMIT: "100/10s" };
  const { tokens } = await readConfig({ ...set, SIGNALBOX_TOKENS: JSON.stringify(entries) });
  const standard = { max: 100, windowMs: 10_000 };
  expect(tokens).toMatchObject([
    { name: "shop", queues: new Set(["a", "b"]), expiresMs: null, rateLimit: standard },
    { name: "ops", queues: null, expiresMs: Date.UTC(2199, 0, 31), rateLimit: standard },
    { name: "batch", rateLimit: { max: 5, windowMs: 60_000 } },
  ]);
  expect(tokens[0]?.digest).toEqual(new Uint8Array(32).fill(0xab));
  const both = await readConfig({ ...set, SIGNALBOX_TOKEN, SIGNALBOX_TOKENS: entries });
  expect(both.tokens.slice(1)).toEqual(tokens);
  expect(both.tokens[0]).toMatchObject({ scopes: ["dispatch", "read", "manage"], queues: null });
});

test("one of the two forms of token is needed", async ({ expect }) => {
  const rest = { ...env, SIGNALBOX_TOKEN: undefined };
  expect(await problems(rest)).toMatch(/^SIGNALBOX_TOKEN: expected .*, or SIGNALBOX_TOKENS$/);
  expect(await problems({ ...rest, SIGNALBOX_TOKENS: "[]" })).toMatch(/^SIGNALBOX_TOKEN: expected/);
});

test("the token that may do everything may not be limited as well", async ({ expect }) => {
  const sha256 = createHash("sha256").update(env.SIGNALBOX_TOKEN).digest("hex");
  const tokens = [{ name: "shown", sha256, scopes: ["read"] }];
  const said = await problems({ ...env, SIGNALBOX_TOKENS: tokens });
  expect(said).toMatch(/^SIGNALBOX_TOKENS: expected no digest of SIGNALBOX_TOKEN/);
  expect(said).not.toContain("shown");
});

test("origins are read from a list", async ({ expect }) => {
  const origins = "https://app.example, http://127.0.0.1:5173";
  const { corsOrigins } = await readConfig({ ...env, SIGNALBOX_CORS_ORIGINS: origins });
  expect(corsOrigins).toEqual(["https://app.example", "http://127.0.0.1:5173"]);
});

test("all problems are named together", async ({ expect }) => {
  const said = await problems({});
  for (const name of Object.keys(env)) expect(said).toContain(`${name}: expected`);
});

const good = { name: "a", sha256: digest, scopes: ["read"] };
const wrongTokens = [
  "shown",
  '"shown"',
  '{"shown":1}',
  '[{"name":"a","token":"shown"}]',
  ["shown"],
  [{ ...good, shown: true }],
  [{ ...good, name: "shown shown" }],
  [{ ...good, name: "-" }],
  [{ ...good, sha256: "shown" }],
  [{ ...good, sha256: undefined }],
  [{ ...good, scopes: [] }],
  [{ ...good, scopes: ["shown"] }],
  [{ ...good, scopes: "shown" }],
  [{ ...good, queues: [] }],
  [{ ...good, queues: ["shown shown"] }],
  [{ ...good, expiresAt: "shown" }],
  [{ ...good, expiresAt: "2027-01-01" }],
  [{ ...good, rateLimit: "shown" }],
  [good, { ...good, name: "b" }],
  [good, { ...good, sha256: "cd".repeat(32) }],
];

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
  ["SIGNALBOX_ENVELOPE_SECRET", ""],
  ["SIGNALBOX_ENVELOPE_SECRET", " \t"],
  ["SIGNALBOX_ENVELOPE_SECRET", `${secret} whsec_shown`],
  ["SIGNALBOX_ENVELOPE_SECRET", 7],
  ["SIGNALBOX_KEY_PREFIX", "{shown}"],
  ["SIGNALBOX_CHANNEL_PREFIX", "shown,"],
  ["SIGNALBOX_MAX_PAYLOAD_BYTES", "0"],
  ["SIGNALBOX_MAX_PAYLOAD_BYTES", "1k"],
  ["SIGNALBOX_MAX_DEPTH", "-1"],
  ["SIGNALBOX_RETENTION_MS", "1.5"],
  ["SIGNALBOX_FAILED_MS", "999"],
  ["SIGNALBOX_FAILED_MS", "31536000001"],
  ["SIGNALBOX_MAX_FAILED", "0"],
  ["SIGNALBOX_MAX_FAILED", "1000001"],
  ["SIGNALBOX_MAX_SCHEDULES", "0"],
  ["SIGNALBOX_UNACKNOWLEDGED_MS", "99"],
  ["SIGNALBOX_UNACKNOWLEDGED_MS", "10s"],
  ["SIGNALBOX_LEASE_MS", "299"],
  ["SIGNALBOX_LEASE_MS", "86400001"],
  ["SIGNALBOX_FOREIGN_MS", "-1"],
  ...wrongTokens.map((value) => ["SIGNALBOX_TOKENS", value] as const),
  ["SIGNALBOX_RATE_LIMIT", "shown"],
  ["SIGNALBOX_RATE_LIMIT", "0/1s"],
  ["SIGNALBOX_RATE_LIMIT", "1/0s"],
  ["SIGNALBOX_RATE_LIMIT", "1000001/1s"],
  ["SIGNALBOX_RATE_LIMIT", "1/25h"],
  ["SIGNALBOX_RATE_LIMIT", "1/100ms"],
  ["SIGNALBOX_CORS_ORIGINS", "*"],
  ["SIGNALBOX_CORS_ORIGINS", "null"],
  ["SIGNALBOX_CORS_ORIGINS", "https://shown.example/"],
  ["SIGNALBOX_CORS_ORIGINS", "https://a.example https://shown.example"],
  ["SIGNALBOX_CORS_ORIGINS", "HTTPS://shown.example"],
];
test.for(wrong)("%s may not be %j", async ([name, value], { expect }) => {
  const said = await problems({ ...env, [name]: value });
  expect(said).toMatch(new RegExp(`^${name}[:.]`));
  expect(said).not.toContain("shown");
});

test("SIGNALBOX_UNHEARD_MS is still read as the old name of SIGNALBOX_UNACKNOWLEDGED_MS", async ({
  expect,
}) => {
  const old = await readConfig({ ...env, SIGNALBOX_UNHEARD_MS: "2000" });
  expect(old.timing.unacknowledgedMs).toBe(2_000);
  const both = { SIGNALBOX_UNHEARD_MS: "2000", SIGNALBOX_UNACKNOWLEDGED_MS: 2_000 };
  expect((await readConfig({ ...env, ...both })).timing.unacknowledgedMs).toBe(2_000);
  const clash = await problems({ ...env, ...both, SIGNALBOX_UNACKNOWLEDGED_MS: "3000" });
  expect(clash).toContain("SIGNALBOX_UNHEARD_MS");
  expect(clash).toContain("SIGNALBOX_UNACKNOWLEDGED_MS");
  expect(await problems({ ...env, SIGNALBOX_UNHEARD_MS: "99" })).toMatch(/^SIGNALBOX_UNHEARD_MS:/);
});

test.for([
  "SIGNALBOX_TOKENS",
  "SIGNALBOX_RATE_LIMIT",
  "SIGNALBOX_CORS_ORIGINS",
  "SIGNALBOX_KEY_PREFIX",
  "SIGNALBOX_CHANNEL_PREFIX",
  "SIGNALBOX_MAX_PAYLOAD_BYTES",
  "SIGNALBOX_MAX_DEPTH",
  "SIGNALBOX_UNACKNOWLEDGED_MS",
  "SIGNALBOX_UNHEARD_MS",
  "SIGNALBOX_LEASE_MS",
  "SIGNALBOX_FOREIGN_MS",
  "SIGNALBOX_RETENTION_MS",
  "SIGNALBOX_MAX_FINISHED",
  "SIGNALBOX_FAILED_MS",
  "SIGNALBOX_MAX_FAILED",
  "SIGNALBOX_MAX_SCHEDULES",
])("%s that holds nothing counts as not set", async (name, { expect }) => {
  const absent = JSON.stringify(await readConfig(env));
  for (const nothing of ["", " ", "\t", "\r\n"]) {
    expect(JSON.stringify(await readConfig({ ...env, [name]: nothing }))).toBe(absent);
  }
});
