/** Environment → Config. Reports all problems together and never shows a secret. */
import { hostname } from "node:os";
import { SignalboxError } from "../../protocol/error.ts";
import type { Timing } from "../../protocol/ledger/binding.ts";
import type { Naming } from "../../protocol/redis/keys.ts";
import { currentSettings } from "../../protocol/settings/aliases.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import { type AssignmentConfig, parseNodes } from "./nodes.ts";
import { defaultSlots, subscriberSettings } from "./settings.ts";

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

/** @throws SignalboxError `config_invalid` that names every variable at fault */
export function readConfig(given: Readonly<Record<string, string | undefined>>): Config {
  const { env, problems: clashes, givenName } = currentSettings(given);
  const parsed = subscriberSettings.safeParse(env);
  const problems = [
    ...(parsed.error?.issues ?? []).map(
      ({ path: [name], message }) => `${givenName(String(name))}: ${message}`,
    ),
    ...clashes,
  ];
  if (
    env["SIGNALBOX_CALLBACK_URL"] !== undefined &&
    env["SIGNALBOX_SIGNING_SECRET"] === undefined
  ) {
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
      unacknowledgedMs: known.SIGNALBOX_UNACKNOWLEDGED_MS,
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
