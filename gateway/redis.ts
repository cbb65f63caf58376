/**
 * The one connection for all commands. It never queues commands while Redis is unreachable: they are
 * refused immediately, and the connection recovers by itself.
 */
import { Redis, type RedisOptions } from "ioredis";
import { SignalboxError } from "../protocol/error.ts";
import { readRedisUrl, type RedisAddress, redisClientOptions } from "../protocol/redis/address.ts";
import {
  type ConnectFailure,
  describeConnectFailure,
  explainConnectFailure,
  isRefusedSelect,
} from "../protocol/redis/connect-failure.ts";
import { redisErrorTraits } from "../protocol/redis/errors.ts";
import type { Command } from "./command.ts";
import type { GatewayLog } from "./log.ts";
import { Refusal } from "./refusal.ts";
import { watchSilence } from "./silence.ts";

/** A reply of Redis: bytes of a string, digits of an integer, a nested error, null, or a list. */
export type Reply = Buffer | string | Error | null | Reply[];

/** The outcome of one command. */
export type Outcome = { readonly reply: Reply } | { readonly error: string };

export interface Backend {
  /** Sends commands in one write; each has its own outcome. Throws a 503 if Redis does not answer. */
  run(commands: readonly Command[]): Promise<Outcome[]>;
  /** Sends commands as one transaction. Throws a 400 if Redis discards all of it. */
  transact(commands: readonly Command[]): Promise<Outcome[]>;
  close(): void;
}

/** Largest reply to one command that is encoded: that takes several copies, and keeps all other requests waiting. */
export const MAX_REPLY_BYTES = 64 * 1024 * 1024;
const MAX_RECONNECT_DELAY_MS = 1_000;
/** Least time between two reconnections because of what Redis says: an address may lead to a replica for good. */
const MIN_LEAVE_INTERVAL_MS = 1_000;

/**
 * RESP2, bytes for strings and digits for integers keep every kind of reply distinct and exact.
 * Nothing is sent twice, because a lost reply does not show whether the command ran.
 */
const CONNECTION = {
  protocol: 2,
  stringNumbers: true,
  lazyConnect: true,
  connectTimeout: 3_000,
  // Also the time for which a lost connection keeps the process from ending.
  disconnectTimeout: 200,
  disableClientInfo: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
} satisfies RedisOptions;

export interface Connection {
  readonly redisUrl: string;
  /** How long Redis may take to answer a command, in ms, before the connection counts as lost. */
  readonly redisTimeoutMs: number;
}

/**
 * Creates a connection, not yet connected. It is ready only in the database of the URL: `ioredis` tells that `SELECT`
 * failed and would go on in database 0.
 * @throws SignalboxError `config_invalid` for a URL that cannot be used
 */
export function createRedis(
  redisUrl: string,
  options: Pick<RedisOptions, "retryStrategy" | "socketTimeout">,
): Redis {
  const redis = new Redis({
    ...CONNECTION,
    ...redisClientOptions(readAddress(redisUrl)),
    ...options,
  });
  redis.on("error", (error: Error) => {
    if (isRefusedSelect(error)) redis.stream.destroy();
  });
  return redis;
}

/**
 * Resolves once Redis is connected or the first attempt has failed; attempts continue.
 * @param onLeave Called when the connection is replaced because its server is not, or no longer, the master.
 * @throws SignalboxError `config_invalid` if Redis refuses the user, the password or the database of the URL, or its
 *   certificate is not valid
 */
export async function connectBackend(
  at: Connection,
  log: GatewayLog,
  onLeave: () => void = () => undefined,
): Promise<Backend> {
  const redis = createRedis(at.redisUrl, {
    retryStrategy: (attempt) => Math.min(20 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_DELAY_MS),
  });
  const silence = watchSilence(redis, at.redisTimeoutMs);
  let failure: ConnectFailure | undefined;
  redis.on("error", (error: Error) => {
    failure ??= explainConnectFailure(error, readAddress(at.redisUrl));
  });
  logOutages(redis, readAddress(at.redisUrl), log);
  await redis.connect().catch(() => undefined);
  if (redis.status !== "ready" && failure?.isFinal === true) {
    redis.disconnect();
    throw new SignalboxError("config_invalid", describeConnectFailure(failure));
  }
  let hasLeftAt = -Infinity;

  /** A master that has become a replica keeps its connections: only a new one finds its successor. */
  function leaveIfDemoted(results: readonly Result[]): void {
    const isDemoted = results.some(([error]) => error !== null && needsReconnect(error));
    const now = performance.now();
    if (!isDemoted || redis.status !== "ready" || now - hasLeftAt < MIN_LEAVE_INTERVAL_MS) return;
    hasLeftAt = now;
    log.warn({}, "redis is not the master any more; connecting again");
    redis.disconnect(true);
    onLeave();
  }

  async function ask(commands: readonly Command[]): Promise<Result[]> {
    const results = await silence.during(send(redis, commands));
    leaveIfDemoted(results);
    return results;
  }

  return {
    run: async (commands) => (await ask(commands)).map(toOutcome),
    transact: async (commands) => {
      const results = await ask([
        { name: "MULTI", args: [] },
        ...commands,
        { name: "EXEC", args: [] },
      ]);
      return transactionOutcomes(results);
    },
    close: () => {
      redis.disconnect();
    },
  };
}

/** The bytes that a reply holds. */
function sizeOf(reply: Reply): number {
  if (reply === null) return 0;
  if (reply instanceof Error) return reply.message.length;
  return Array.isArray(reply)
    ? reply.reduce((sum: number, item) => sum + sizeOf(item), 0)
    : reply.length;
}

type Result = readonly [error: Error | null, reply: unknown];

/** A pipeline of ioredis is one write, so no commands of other requests come in between. */
async function send(redis: Redis, commands: readonly Command[]): Promise<Result[]> {
  if (redis.status !== "ready") {
    throw new Refusal(503, "ERR Redis cannot be reached; the command was not sent");
  }
  const pipeline = redis.pipeline();
  for (const { name, args } of commands) pipeline.callBuffer(name, [...args]);
  const results = (await pipeline.exec()) ?? [];
  const lost = results.find(([error]) => error !== null && !isReplyError(error));
  if (lost === undefined) return results;
  throw new Refusal(503, "ERR the connection to Redis was lost; the command may have run", {
    cause: lost[0],
  });
}

function transactionOutcomes(results: readonly Result[]): Outcome[] {
  const [error, replies] = results.at(-1) ?? [];
  if (!Array.isArray(replies)) {
    // EXEC only says that an earlier command failed; the first error says which.
    const causes = [error, results.find(([queueing]) => queueing !== null)?.[0]];
    throw new Refusal(400, causes.map((cause) => describe(cause?.message ?? "")).join(" "));
  }
  return replies.map((reply: unknown) =>
    reply instanceof Error ? toOutcome([reply, null]) : toOutcome([null, reply]),
  );
}

/** ioredis types replies as unknown; the settings in `CONNECTION` make each a `Reply`. */
function toOutcome([error, reply]: Result): Outcome {
  if (error !== null) return { error: describe(error.message) };
  const bytes = sizeOf(reply as Reply);
  if (bytes <= MAX_REPLY_BYTES) return { reply: reply as Reply };
  return {
    error: `ERR the reply is too large. Limit: ${MAX_REPLY_BYTES} bytes, Actual: ${bytes} bytes`,
  };
}

/**
 * The address that a URL names.
 * @throws SignalboxError `config_invalid`, without the URL
 */
function readAddress(url: string): RedisAddress {
  const reading = readRedisUrl(url);
  if ("address" in reading) return reading.address;
  throw new SignalboxError("config_invalid", `URL of Redis: ${reading.problem}`);
}

function needsReconnect(error: Error): boolean {
  return isReplyError(error) && redisErrorTraits(error.message).needsReconnect;
}

/** Removes the arguments that Redis quotes for an unknown command, as Upstash does; some servers quote by backticks. */
function describe(message: string): string {
  const unknown = /^ERR unknown (?:sub)?command [`'"]([^`'"]*)[`'"]/i.exec(message)?.[1];
  if (unknown === undefined) return message;
  return `ERR Command is not available: '${unknown}'. The Redis behind this gateway does not have it`;
}

/** Recognised by name, because ioredis exports the class untyped. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** Logs one line when Redis is lost and one when it is back, not one for each attempt. */
function logOutages(redis: Redis, at: RedisAddress, log: GatewayLog): void {
  let isAway = false;
  redis.on("error", (error: Error) => {
    const { address, reason, fix } = explainConnectFailure(error, at);
    if (!isAway) log.warn({ address, reason, fix }, "redis unreachable");
    isAway = true;
  });
  redis.on("ready", () => {
    if (isAway) log.info({}, "redis reachable again");
    isAway = false;
  });
}
