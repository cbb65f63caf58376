/** The environment variables of the function as a schema: what each may hold, its default, and what docs/configuration.md says of it. */
import * as z from "zod";
import { defaultNaming } from "../protocol/redis/keys.ts";
import {
  meaning,
  sharedMeanings,
  type WholeNumber,
  wholeRange,
} from "../protocol/settings/meaning.ts";
import { rateLimit, tokenList } from "./auth/tokens.ts";
import { corsOrigins } from "./http/cors.ts";

function whole({ min, max, initial, ...about }: WholeNumber) {
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
    .default(initial)
    .meta({ range: wholeRange(min, max), ...about });
}

function secret(min: number, message: string) {
  return z.string(message).min(min, message).regex(/^\S+$/, `${message}, without spaces`);
}

const prefixes = {
  key: "expected up to 64 characters without spaces and braces",
  channel: "expected up to 64 characters without spaces and commas",
};

/** What is expected of `SIGNALBOX_TOKEN`. */
export const tokenForm = "expected a token of at least 16 characters";

/** See the head of this file. */
export const functionSettings = z.object({
  UPSTASH_REDIS_REST_URL: z
    .string("expected the URL of the Redis REST API")
    .regex(/^https?:\/\/[^\s@?#]+$/, "expected an http or https URL without credentials and query")
    .meta(
      meaning({
        description: "URL of the Redis REST API: a hosted Redis, or `signalbox gateway`.",
        range: "an http or https URL without credentials and query",
      }),
    ),
  UPSTASH_REDIS_REST_TOKEN: secret(1, "expected the token of the Redis REST API").meta(
    meaning({ description: "Token of the Redis REST API.", isSecret: true }),
  ),
  SIGNALBOX_TOKEN: secret(16, tokenForm)
    .optional()
    .meta(
      meaning({
        description:
          "The bearer token that may do everything. This or `SIGNALBOX_TOKENS` must be set.",
        range: "at least 16 characters without spaces",
        isSecret: true,
        absent: "none",
      }),
    ),
  SIGNALBOX_TOKENS: tokenList.meta(
    meaning({
      description:
        "[Tokens that may do less](operations.md#tokens), each told to the function by its digest only.",
      range: "a list of up to 100 tokens, in JSON",
      absent: "none",
    }),
  ),
  SIGNALBOX_RATE_LIMIT: rateLimit.optional().meta(
    meaning({
      description:
        "How many requests each token may make in a window, such as `100/10s`; a batch counts as its jobs. Costs two or three Redis commands a request.",
      range: "1 to 1,000,000 requests in 1 s to 24 h (units s, m, h)",
      absent: "no limit",
    }),
  ),
  SIGNALBOX_CORS_ORIGINS: corsOrigins.meta(
    meaning({
      description: "Whose pages may call the API from a browser, such as `https://app.example`.",
      range: "origins without a path, separated by commas",
      absent: "none",
    }),
  ),
  SIGNALBOX_SIGNING_SECRET: z
    .string(
      'expected whsec_ followed by base64; make one with: node -p \'"whsec_"+crypto.randomBytes(32).toString("base64")\'',
    )
    .meta(
      meaning({
        description:
          "Verifies the callbacks that subscribers sign. Several, while they are [rotated](operations.md#keys).",
        range: "`whsec_…`, optionally `<id>:` before it; several separated by spaces",
        isSecret: true,
      }),
    ),
  SIGNALBOX_ENVELOPE_SECRET: z
    .string("expected whsec_ followed by base64")
    .optional()
    .meta(
      meaning({
        description:
          "Signs [jobs](protocol.md#signed-jobs): the first secret signs. Should differ from `SIGNALBOX_SIGNING_SECRET`.",
        range: "as `SIGNALBOX_SIGNING_SECRET`",
        isSecret: true,
        absent: "jobs are not signed",
      }),
    ),
  SIGNALBOX_KEY_PREFIX: z
    .string(prefixes.key)
    .regex(/^[^\s{}]{1,64}$/, prefixes.key)
    .default(defaultNaming.keyPrefix)
    .meta(meaning(sharedMeanings.keyPrefix)),
  SIGNALBOX_CHANNEL_PREFIX: z
    .string(prefixes.channel)
    .regex(/^[^\s,]{0,64}$/, prefixes.channel)
    .default(defaultNaming.channelPrefix)
    .meta(meaning(sharedMeanings.channelPrefix)),
  SIGNALBOX_MAX_PAYLOAD_BYTES: whole({
    min: 1,
    max: 4_194_304,
    initial: 262_144,
    unit: "bytes",
    description: "Largest payload of a job, as JSON.",
  }),
  SIGNALBOX_MAX_DEPTH: whole({
    min: 1,
    max: 1_000,
    initial: 64,
    unit: "levels",
    description: "How deeply arrays and objects in a payload may be nested.",
  }),
  SIGNALBOX_UNACKNOWLEDGED_MS: whole(sharedMeanings.unacknowledgedMs),
  SIGNALBOX_LEASE_MS: whole(sharedMeanings.leaseMs),
  SIGNALBOX_FOREIGN_MS: whole(sharedMeanings.foreignMs),
  SIGNALBOX_RETENTION_MS: whole({
    min: 1_000,
    max: 31_536_000_000,
    initial: 86_400_000,
    unit: "ms",
    description: "How long a finished job can be read.",
  }),
  SIGNALBOX_MAX_FINISHED: whole({
    min: 1,
    max: 10_000_000,
    initial: 100_000,
    unit: "jobs",
    description: "Finished jobs kept for each queue.",
  }),
  SIGNALBOX_FAILED_MS: whole({
    min: 1_000,
    max: 31_536_000_000,
    initial: 604_800_000,
    unit: "ms",
    description: "How long a failed job is kept in the failed set.",
  }),
  SIGNALBOX_MAX_FAILED: whole({
    min: 1,
    max: 1_000_000,
    initial: 10_000,
    unit: "jobs",
    description: "Failed jobs kept for each queue.",
  }),
  SIGNALBOX_MAX_SCHEDULES: whole({
    min: 1,
    max: 1_000_000,
    initial: 100_000,
    unit: "schedules",
    description: "Schedules that each queue may have.",
  }),
});
