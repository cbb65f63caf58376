/** Environment → Config. Reports all problems together and never shows a secret. */
import { hostname } from "node:os";
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import { defaultNaming, type Naming } from "../../protocol/redis/keys.ts";
import { defaultTiming, type Timing } from "../../protocol/ledger/binding.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import { parseNodes, type AssignmentConfig } from "./nodes.ts";

/** Everything a subscriber is told. Durations in milliseconds, sizes in bytes. */
export interface Config {
  readonly redisUrl: string;
  readonly assignments: readonly AssignmentConfig[];
  /** Path of the module that exports `handlers` and `catalog`. */
  readonly handlers: string;
  /** Where results are sent; if absent the tick records them, up to a minute later. */
  readonly callbackUrl: string | undefined;
  readonly signingSecret: string | undefined;
  /** What jobs must be signed with, if they must. */
  readonly envelopeSecret: string | undefined;
  readonly naming: Naming;
  readonly timing: Timing;
  /** How long running jobs may go on after the first stop signal. */
  readonly drainMs: number;
  /** How often the connections are proved alive. */
  readonly pingMs: number;
  readonly maxResultBytes: number;
  /** Whether to run on a Redis that may evict keys. */
  readonly allowsEviction: boolean;
  readonly logLevel: string;
  /** What this process is called in `GET /v1/nodes`. */
  readonly host: string;
}

/** Jobs of one queue that a node runs at once, unless told. */
const defaultSlots = 10;

const whole = (low: number, high: number) => z.coerce.number().int().min(low).max(high);
const url = (protocol: RegExp, example: string) =>
  z.url({ protocol, error: `expected a URL such as ${example}` });

const environment = z.object({
  REDIS_URL: url(/^rediss?$/, "redis://127.0.0.1:6379"),
  SIGNALBOX_NODES: z.string({ error: "expected the names of the nodes to host, such as 1,2,3" }),
  SIGNALBOX_SLOTS: whole(1, 1000).default(defaultSlots),
  SIGNALBOX_QUEUES: z.string().default(defaultQueue),
  SIGNALBOX_HANDLERS: z.string({ error: "expected the path of your handlers module" }).min(1),
  SIGNALBOX_CALLBACK_URL: url(/^https?$/, "https://signalbox.example.workers.dev/v1/results")
    // fetch takes none, and what it says of them shows them.
    .refine((text) => URL.parse(text)?.username === "" && URL.parse(text)?.password === "", {
      error: "expected a URL without credentials: deliveries are signed",
    })
    .optional(),
  SIGNALBOX_SIGNING_SECRET: z.string().optional(),
  SIGNALBOX_ENVELOPE_SECRET: z
    .string()
    .min(1, "expected the secret that the function has, or none: then unsigned jobs are run")
    .optional(),
  SIGNALBOX_KEY_PREFIX: z
    .string()
    .regex(/^[^\s{}]{1,64}$/)
    .default(defaultNaming.keyPrefix),
  SIGNALBOX_CHANNEL_PREFIX: z
    .string()
    .regex(/^[^\s,]{0,64}$/)
    .default(defaultNaming.channelPrefix),
  SIGNALBOX_UNHEARD_MS: whole(100, 3_600_000).default(defaultTiming.unacknowledgedMs),
  SIGNALBOX_LEASE_MS: whole(300, 86_400_000).default(defaultTiming.leaseMs),
  SIGNALBOX_FOREIGN_MS: whole(100, 86_400_000).default(defaultTiming.foreignMs),
  SIGNALBOX_DRAIN_MS: whole(0, 86_400_000).default(60_000),
  SIGNALBOX_PING_MS: whole(100, 3_600_000).default(120_000),
  SIGNALBOX_MAX_RESULT_BYTES: whole(64, 4_194_304).default(262_144),
  SIGNALBOX_ALLOW_EVICTION: z.enum(["yes", "no"]).default("no"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});

/** @throws SignalboxError `config_invalid` that names every variable at fault */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environment.safeParse(env);
  const problems = (parsed.error?.issues ?? []).map(
    (issue) => `${issue.path.join(".")}: ${issue.message}`,
  );
  if (env["SIGNALBOX_CALLBACK_URL"] !== undefined && !env["SIGNALBOX_SIGNING_SECRET"]) {
    problems.push(
      "SIGNALBOX_SIGNING_SECRET: expected the secret that the function has, since SIGNALBOX_CALLBACK_URL is set",
    );
  }
  const assignments = readAssignments(env, problems);
  if (!parsed.success || problems.length > 0) {
    throw new SignalboxError("config_invalid", problems.join("\n"));
  }
  const known = parsed.data;
  return {
    redisUrl: known.REDIS_URL,
    assignments,
    handlers: known.SIGNALBOX_HANDLERS,
    callbackUrl: known.SIGNALBOX_CALLBACK_URL,
    signingSecret: known.SIGNALBOX_SIGNING_SECRET,
    envelopeSecret: known.SIGNALBOX_ENVELOPE_SECRET,
    naming: {
      keyPrefix: known.SIGNALBOX_KEY_PREFIX,
      channelPrefix: known.SIGNALBOX_CHANNEL_PREFIX,
    },
    timing: {
      unacknowledgedMs: known.SIGNALBOX_UNHEARD_MS,
      leaseMs: known.SIGNALBOX_LEASE_MS,
      foreignMs: known.SIGNALBOX_FOREIGN_MS,
    },
    drainMs: known.SIGNALBOX_DRAIN_MS,
    pingMs: known.SIGNALBOX_PING_MS,
    maxResultBytes: known.SIGNALBOX_MAX_RESULT_BYTES,
    allowsEviction: known.SIGNALBOX_ALLOW_EVICTION === "yes",
    logLevel: known.LOG_LEVEL,
    host: hostname(),
  };
}

/** Reads the nodes; a problem with them joins the others. */
function readAssignments(
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
): readonly AssignmentConfig[] {
  const nodes = env["SIGNALBOX_NODES"];
  if (nodes === undefined) return []; // reported already
  const slots = Number(env["SIGNALBOX_SLOTS"] ?? defaultSlots);
  const queues = (env["SIGNALBOX_QUEUES"] ?? defaultQueue).split(",").map((queue) => queue.trim());
  try {
    return parseNodes(nodes, { slots, queues });
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return [];
  }
}
