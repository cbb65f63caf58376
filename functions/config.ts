/** Bindings → configuration. All problems are reported together; values are never shown. */
import type * as z from "zod";
import { SignalboxError } from "../protocol/error.ts";
import { currentSettings } from "../protocol/settings/aliases.ts";
import { tokenDigest } from "../protocol/signing/api-token.ts";
import {
  importSigningKeys,
  type SecretSetting,
  type SigningKeys,
} from "../protocol/signing/keys.ts";
import { mainToken, type Token, tokenOf } from "./auth/tokens.ts";
import type { Config } from "./deps.ts";
import { functionSettings, tokenForm } from "./settings.ts";

/** The bindings of the Worker: text, as `wrangler.toml` and `wrangler secret put` give them. */
export type Env = Readonly<Record<string, unknown>>;

/** Results that the hook keeps refusing are dropped after this, in milliseconds. */
const outboxMs = 604_800_000;

/** @throws SignalboxError `config_invalid`, which names every variable that is wrong */
export async function readConfig(given: Env): Promise<Config> {
  const { env, problems: clashes, givenName } = currentSettings(given);
  const parsed = functionSettings.safeParse(env);
  const problems = [
    ...(parsed.error?.issues ?? []).map(
      ({ path: [name, ...rest], message }) =>
        `${[givenName(String(name)), ...rest.map(String)].join(".")}: ${message}`,
    ),
    ...clashes,
  ];
  const tokens = await tokensOf(parsed.data);
  problems.push(...tokenProblems(env, tokens));
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
      unacknowledgedMs: found.SIGNALBOX_UNACKNOWLEDGED_MS,
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

function tokenProblems(env: Env, tokens: readonly Token[] | undefined): readonly string[] {
  const problems: string[] = [];
  if (tokens !== undefined && isTwice(tokens)) {
    problems.push(
      "SIGNALBOX_TOKENS: expected no digest of SIGNALBOX_TOKEN, which may do everything",
    );
  }
  const hasList = env["SIGNALBOX_TOKENS"] !== undefined && tokens?.length !== 0;
  if (env["SIGNALBOX_TOKEN"] === undefined && !hasList)
    problems.push(`SIGNALBOX_TOKEN: ${tokenForm}, or SIGNALBOX_TOKENS`);
  return problems;
}

async function tokensOf(
  found: z.output<typeof functionSettings> | undefined,
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
