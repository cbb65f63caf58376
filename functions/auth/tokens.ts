/** `SIGNALBOX_TOKENS` and `SIGNALBOX_RATE_LIMIT` as text → tokens, with their scopes, queues and rates. */
import * as z from "zod";
import { type RateLimit, ratePattern } from "../../protocol/ledger/rate-limit.ts";
import { type Scope, scopes, tokenNamePattern } from "../../protocol/signing/api-token.ts";
import { queueName, time } from "../../protocol/wire/fields.ts";

/** A bearer token that is accepted, without its secret. */
export interface Token {
  readonly name: string;
  /** SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
  readonly scopes: readonly Scope[];
  /** The only queues that it covers; null for all. */
  readonly queues: ReadonlySet<string> | null;
  /** When it stops being accepted, in milliseconds since 1970; null for never. */
  readonly expiresMs: number | null;
  readonly rateLimit: RateLimit | null;
}

/** The name of `SIGNALBOX_TOKEN`: no entry can have it. */
const mainName = "-";
/** The longest window, in seconds: a day. */
const longestWindow = 86_400;
const seconds = { s: 1, m: 60, h: 3_600 };

const rateForm =
  "expected a rate such as 100/10s: 1 to 1000000 requests in 1 s to 24 h (units s, m, h)";

/** `100/10s` and the like. */
export const rateLimit = z
  .string(rateForm)
  .regex(ratePattern, rateForm)
  .transform((text): RateLimit => {
    const [, max, count, unit] = ratePattern.exec(text) ?? [];
    return { max: Number(max), windowMs: Number(count) * seconds[unit as "s" | "m" | "h"] * 1_000 };
  })
  .refine(({ max, windowMs }) => max <= 1_000_000 && windowMs <= longestWindow * 1_000, rateForm);

const names = "expected a name: 1 to 64 of A-Z a-z 0-9 . _ -, other than -";
const digests = "expected the SHA-256 of the token: 64 hexadecimal digits, not the token itself";
const someScopes = `expected an array of ${scopes.join(", ")}: at least one, each once`;
const someQueues = "expected an array of 1 to 32 queue names";
const entry = z.strictObject(
  {
    name: z.string(names).regex(tokenNamePattern, names),
    sha256: z.string(digests).regex(/^[0-9A-Fa-f]{64}$/, digests),
    scopes: z
      .array(z.enum(scopes, someScopes), someScopes)
      .min(1, someScopes)
      .max(scopes.length, someScopes),
    queues: z.array(queueName, someQueues).min(1, someQueues).max(32, someQueues).exactOptional(),
    expiresAt: time("expiresAt").exactOptional(),
    rateLimit: rateLimit.exactOptional(),
  },
  // The value is not quoted: it might be a token.
  "expected an entry of name, sha256, scopes, queues?, expiresAt?, rateLimit? and nothing else",
);

const someTokens = "expected a list of up to 100 tokens, in JSON";
const isOnce = (values: readonly string[]) => new Set(values).size === values.length;

/** The list of tokens, as JSON or as the value that a binding of JSON has. */
export const tokenList = z.preprocess(
  (value) => (typeof value === "string" ? parsed(value) : value),
  z
    .array(entry, someTokens)
    .max(100, someTokens)
    .refine((all) => isOnce(all.map(({ name }) => name)), "expected each name once")
    .refine(
      (all) => isOnce(all.map(({ sha256 }) => sha256.toLowerCase())),
      "expected each digest once",
    )
    .default([]),
);

/** Null for text that is no JSON; undefined would be taken for absent. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message quotes the text.
    return null;
  }
}

/** The token that may do everything. */
export function mainToken(digest: Uint8Array, limit: RateLimit | null): Token {
  return { name: mainName, digest, scopes, queues: null, expiresMs: null, rateLimit: limit };
}

/** An entry as it is used; `standard` is for those that have no rate of their own. */
export function tokenOf(found: z.output<typeof entry>, standard: RateLimit | null): Token {
  return {
    name: found.name,
    digest: Uint8Array.from(found.sha256.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
    scopes: found.scopes,
    queues: found.queues === undefined ? null : new Set(found.queues),
    expiresMs: found.expiresAt ?? null,
    rateLimit: found.rateLimit ?? standard,
  };
}
