/** Bindings → configuration. All problems are reported together; values are never shown. */
import * as z from "zod";
import { SignalboxError } from "../protocol/error.ts";
import { defaultNaming, type Naming } from "../protocol/redis/keys.ts";
import type { Retention } from "../protocol/ledger/maintenance.ts";
import { defaultTiming, type Timing } from "../protocol/ledger/binding.ts";
import { tokenDigest } from "../protocol/signing/api-token.ts";
import { corsOrigins } from "./http/cors.ts";
import { mainToken, rateLimit, tokenList, tokenOf, type Token } from "./auth/tokens.ts";
import {
  importSigningKeys,
  type SecretSetting,
  type SigningKeys,
} from "../protocol/signing/keys.ts";

/** The bindings of the Worker: text, as `wrangler.toml` and `wrangler secret put` give them. */
export type Env = Readonly<Record<string, unknown>>;

export interface Config {
  readonly redis: { readonly url: string; readonly token: string };
  /** What callers may show as `Authorization: Bearer`; at least one. */
  readonly tokens: readonly Token[];
  /** Pages of which origins may call the API from a browser. */
  readonly corsOrigins: readonly string[];
  /** What subscribers sign the callback with. */
  readonly signingKeys: SigningKeys;
  /** What jobs are signed with, if they are. */
  readonly envelopeKeys: SigningKeys | undefined;
  readonly naming: Naming;
  readonly maxPayloadBytes: number;
  /** How deeply a payload may be nested. */
  readonly maxDepth: number;
  readonly retention: Retention;
  readonly timing: Timing;
  /** How many schedules a queue may have. */
  readonly maxSchedules: number;
}

/** Results that the hook keeps refusing are dropped after this, in milliseconds. */
const outboxMs = 604_800_000;

function whole(min: number, max: number, initial: number) {
  const message = `expected a whole number from ${min} to ${max}`;
  return z
    .union(
      [
        z.int(),
        z
          .string()
          .regex(/^\d{1,15}$/, message)
          .transform(Number),
      ],
      message,
    )
    .refine((value) => value >= min && value <= max, message)
    .default(initial);
}

function secret(min: number, message: string) {
  return z.string(message).min(min, message).regex(/^\S+$/, `${message}, without spaces`);
}

const prefixes = {
  key: "expected up to 64 characters without spaces and braces",
  channel: "expected up to 64 characters without spaces and commas",
};

const tokenForm = "expected a token of at least 16 characters";

const variables = z.object({
  UPSTASH_REDIS_REST_URL: z
    .string("expected the URL of the Redis REST API")
    .regex(/^https?:\/\/[^\s@?#]+$/, "expected an http or https URL without credentials and query"),
  UPSTASH_REDIS_REST_TOKEN: secret(1, "expected the token of the Redis REST API"),
  SIGNALBOX_TOKEN: secret(16, tokenForm).optional(),
  SIGNALBOX_TOKENS: tokenList,
  SIGNALBOX_RATE_LIMIT: rateLimit.optional(),
  SIGNALBOX_CORS_ORIGINS: corsOrigins,
  SIGNALBOX_SIGNING_SECRET: z.string(
    'expected whsec_ followed by base64; make one with: node -p \'"whsec_"+crypto.randomBytes(32).toString("base64")\'',
  ),
  SIGNALBOX_ENVELOPE_SECRET: z.string("expected whsec_ followed by base64").optional(),
  SIGNALBOX_KEY_PREFIX: z
    .string(prefixes.key)
    .regex(/^[^\s{}]{1,64}$/, prefixes.key)
    .default(defaultNaming.keyPrefix),
  SIGNALBOX_CHANNEL_PREFIX: z
    .string(prefixes.channel)
    .regex(/^[^\s,]{0,64}$/, prefixes.channel)
    .default(defaultNaming.channelPrefix),
  SIGNALBOX_MAX_PAYLOAD_BYTES: whole(1, 4_194_304, 262_144),
  SIGNALBOX_MAX_DEPTH: whole(1, 1_000, 64),
  SIGNALBOX_UNHEARD_MS: whole(100, 3_600_000, defaultTiming.unacknowledgedMs),
  SIGNALBOX_LEASE_MS: whole(300, 86_400_000, defaultTiming.leaseMs),
  SIGNALBOX_FOREIGN_MS: whole(100, 86_400_000, defaultTiming.foreignMs),
  SIGNALBOX_RETENTION_MS: whole(1_000, 31_536_000_000, 86_400_000),
  SIGNALBOX_MAX_FINISHED: whole(1, 10_000_000, 100_000),
  SIGNALBOX_FAILED_MS: whole(1_000, 31_536_000_000, 604_800_000),
  SIGNALBOX_MAX_FAILED: whole(1, 1_000_000, 10_000),
  SIGNALBOX_MAX_SCHEDULES: whole(1, 1_000_000, 100_000),
});

/** @throws SignalboxError `config_invalid`, which names every variable that is wrong */
export async function readConfig(env: Env): Promise<Config> {
  const parsed = variables.safeParse(env);
  const problems = (parsed.error?.issues ?? []).map(
    ({ path, message }) => `${path.map(String).join(".")}: ${message}`,
  );
  const tokens = await tokensOf(parsed.data);
  if (tokens !== undefined && isTwice(tokens)) {
    problems.push(
      "SIGNALBOX_TOKENS: expected no digest of SIGNALBOX_TOKEN, which may do everything",
    );
  }
  const hasList = env["SIGNALBOX_TOKENS"] !== undefined && tokens?.length !== 0;
  if (env["SIGNALBOX_TOKEN"] === undefined && !hasList)
    problems.push(`SIGNALBOX_TOKEN: ${tokenForm}, or SIGNALBOX_TOKENS`);
  const signingKeys = await readKeys(env, "SIGNALBOX_SIGNING_SECRET", problems);
  const envelopeKeys = await readKeys(env, "SIGNALBOX_ENVELOPE_SECRET", problems);
  if (!parsed.success || signingKeys === undefined || tokens === undefined || problems.length > 0) {
    throw new SignalboxError("config_invalid", problems.join("; "));
  }
  const found = parsed.data;
  return {
    redis: { url: found.UPSTASH_REDIS_REST_URL, token: found.UPSTASH_REDIS_REST_TOKEN },
    tokens,
    corsOrigins: found.SIGNALBOX_CORS_ORIGINS,
    signingKeys,
    envelopeKeys,
    naming: {
      keyPrefix: found.SIGNALBOX_KEY_PREFIX,
      channelPrefix: found.SIGNALBOX_CHANNEL_PREFIX,
    },
    maxPayloadBytes: found.SIGNALBOX_MAX_PAYLOAD_BYTES,
    maxDepth: found.SIGNALBOX_MAX_DEPTH,
    timing: {
      unacknowledgedMs: found.SIGNALBOX_UNHEARD_MS,
      leaseMs: found.SIGNALBOX_LEASE_MS,
      foreignMs: found.SIGNALBOX_FOREIGN_MS,
    },
    retention: {
      retentionMs: found.SIGNALBOX_RETENTION_MS,
      maxFinished: found.SIGNALBOX_MAX_FINISHED,
      failedMs: found.SIGNALBOX_FAILED_MS,
      maxFailed: found.SIGNALBOX_MAX_FAILED,
      outboxMs,
    },
    maxSchedules: found.SIGNALBOX_MAX_SCHEDULES,
  };
}

async function tokensOf(
  found: z.output<typeof variables> | undefined,
): Promise<readonly Token[] | undefined> {
  if (found === undefined) return undefined;
  const standard = found.SIGNALBOX_RATE_LIMIT ?? null;
  const { SIGNALBOX_TOKEN: main, SIGNALBOX_TOKENS: entries } = found;
  return [
    ...(main === undefined ? [] : [mainToken(await tokenDigest(main), standard)]),
    ...entries.map((entry) => tokenOf(entry, standard)),
  ];
}

function isTwice(tokens: readonly Token[]): boolean {
  return new Set(tokens.map(({ digest }) => digest.join())).size < tokens.length;
}

/** A problem with them joins the others. */
async function readKeys(
  env: Env,
  setting: SecretSetting,
  problems: string[],
): Promise<SigningKeys | undefined> {
  const secrets = env[setting];
  if (typeof secrets !== "string") return undefined;
  try {
    return await importSigningKeys(secrets, setting);
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}
