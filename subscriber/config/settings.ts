/** The environment variables of a subscriber as a schema: what each may hold, its default, and what docs/configuration.md says of it. */
import * as z from "zod";
import { readRedisUrl, redisUrlForm, redisUrlRange } from "../../protocol/redis/address.ts";
import { defaultNaming } from "../../protocol/redis/keys.ts";
import {
  meaning,
  sharedMeanings,
  type WholeNumber,
  wholeRange,
} from "../../protocol/settings/meaning.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";

/** How many jobs of one queue a node runs concurrently, unless set otherwise. */
export const defaultSlots = 10;

function whole({ min, max, initial, ...about }: WholeNumber) {
  return z.coerce
    .number()
    .int()
    .min(min)
    .max(max)
    .default(initial)
    .meta({ range: wholeRange(min, max), ...about });
}

const url = (protocol: RegExp, example: string) =>
  z.url({ protocol, error: `expected a URL such as ${example}` });

/** See the head of this file. */
export const subscriberSettings = z.object({
  REDIS_URL: z
    .string({ error: `expected ${redisUrlForm}` })
    .superRefine((text, context) => {
      const reading = readRedisUrl(text);
      if ("problem" in reading) context.addIssue({ code: "custom", message: reading.problem });
    })
    .meta(
      meaning({
        description:
          "Where Redis is, with user, password and database; any server of a [Cluster](operations.md#redis-cluster).",
        range: redisUrlRange,
        isSecret: true,
      }),
    ),
  SIGNALBOX_NODES: z
    .string({ error: "expected the names of the nodes to host, such as 1,2,3" })
    .meta(
      meaning({
        description:
          "The nodes to host: `1,2,3`, or with slots and queues of their own, `gpu:1@render+thumbs:8,cpu`.",
        range: "`name[:slots][@queue[:slots]+queue…]`, separated by commas; 1 to 1,000 slots",
      }),
    ),
  SIGNALBOX_SLOTS: whole({
    min: 1,
    max: 1000,
    initial: defaultSlots,
    unit: "jobs",
    description:
      "Jobs of one queue that a node runs concurrently, where `SIGNALBOX_NODES` does not say.",
  }),
  SIGNALBOX_QUEUES: z
    .string()
    .default(defaultQueue)
    .meta(
      meaning({
        description: "Queues of a node for which `SIGNALBOX_NODES` names none.",
        range: "names separated by commas",
      }),
    ),
  SIGNALBOX_HANDLERS: z
    .string({ error: "expected the path of your handlers module" })
    .min(1)
    .meta(
      meaning({
        description:
          "Path of the module that exports `handlers` and, optionally, `catalog`. Not read by `startSubscriber`.",
      }),
    ),
  SIGNALBOX_CALLBACK_URL: url(/^https?$/, "https://signalbox.example.workers.dev/v1/results")
    // fetch takes none, and what it says of them shows them.
    .refine((text) => URL.parse(text)?.username === "" && URL.parse(text)?.password === "", {
      error: "expected a URL without credentials: deliveries are signed",
    })
    .optional()
    .meta(
      meaning({
        description:
          "The function's `/v1/results`, to which results are sent. Without it the tick records them, up to a minute later.",
        range: "an http or https URL without credentials",
        absent: "none",
      }),
    ),
  SIGNALBOX_SIGNING_SECRET: z
    .string()
    .optional()
    .meta(
      meaning({
        description:
          "Signs callbacks, with the first secret if there are several. Required if `SIGNALBOX_CALLBACK_URL` is set.",
        range: "as the function's",
        isSecret: true,
        absent: "none",
      }),
    ),
  SIGNALBOX_ENVELOPE_SECRET: z
    .string()
    .refine(
      (text) => text.trim() !== "",
      "expected the secret that the function has, got nothing; leave the variable out to run unsigned jobs",
    )
    .optional()
    .meta(
      meaning({
        description:
          "Checks [signed jobs](protocol.md#signed-jobs): with it, this subscriber runs only jobs that carry a valid signature.",
        range: "as the function's",
        isSecret: true,
        absent: "signatures are not checked",
      }),
    ),
  SIGNALBOX_KEY_PREFIX: z
    .string()
    .regex(/^[^\s{}]{1,64}$/)
    .default(defaultNaming.keyPrefix)
    .meta(meaning(sharedMeanings.keyPrefix)),
  SIGNALBOX_CHANNEL_PREFIX: z
    .string()
    .regex(/^[^\s,]{0,64}$/)
    .default(defaultNaming.channelPrefix)
    .meta(meaning(sharedMeanings.channelPrefix)),
  SIGNALBOX_UNACKNOWLEDGED_MS: whole(sharedMeanings.unacknowledgedMs),
  SIGNALBOX_LEASE_MS: whole(sharedMeanings.leaseMs),
  SIGNALBOX_FOREIGN_MS: whole(sharedMeanings.foreignMs),
  SIGNALBOX_DRAIN_MS: whole({
    min: 0,
    max: 86_400_000,
    initial: 60_000,
    unit: "ms",
    description: "How long running jobs may continue after the first stop signal.",
  }),
  SIGNALBOX_PING_MS: whole({
    min: 100,
    max: 3_600_000,
    initial: 120_000,
    unit: "ms",
    description:
      "How often each connection to Redis is proved alive: by a `PING`, or by asking for its nodes.",
  }),
  SIGNALBOX_MAX_RESULT_BYTES: whole({
    min: 64,
    max: 4_194_304,
    initial: 262_144,
    unit: "bytes",
    description: "Largest result of a job, as JSON; a larger one fails as `result_too_large`.",
  }),
  SIGNALBOX_ALLOW_EVICTION: z
    .enum(["yes", "no"])
    .default("no")
    .meta(
      meaning({
        description: "Whether to run on a Redis that may evict keys, and with them jobs.",
        range: "`yes` or `no`",
      }),
    ),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .meta(
      meaning({
        description: "What the subscriber logs.",
        range: "`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`",
      }),
    ),
});
