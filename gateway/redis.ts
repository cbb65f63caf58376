/**
 * The one connection that carries all commands. It never queues for a Redis that is away: such a
 * command is refused at once, and the connection comes back by itself.
 */
import { Redis, type RedisOptions } from "ioredis";
import type { Command } from "./command.ts";
import type { GatewayLog } from "./log.ts";
import { Refusal } from "./refusal.ts";

/** What Redis said: bytes of a string, digits of an integer, a nested error, nothing, or a list. */
export type Reply = Buffer | string | Error | null | Reply[];

/** How one command ended. */
export type Outcome = { readonly reply: Reply } | { readonly error: string };

export interface Backend {
  /** Sends commands in one write; each ends for itself. Throws a 503 if Redis does not answer. */
  run(commands: readonly Command[]): Promise<Outcome[]>;
  /** Sends them as one transaction. Throws a 400 if Redis discards it as a whole. */
  transact(commands: readonly Command[]): Promise<Outcome[]>;
  close(): void;
}

const MAX_RECONNECT_DELAY_MS = 1_000;

/**
 * RESP2, bytes for strings and digits for integers: together they keep every kind of reply apart
 * and exact. Nothing is sent twice, since a lost reply does not tell whether the command ran.
 */
export const CONNECTION = {
  protocol: 2,
  stringNumbers: true,
  lazyConnect: true,
  connectTimeout: 3_000,
  // Also how long a connection that is gone already keeps the process from ending.
  disconnectTimeout: 200,
  disableClientInfo: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
} satisfies RedisOptions;

export interface Connection {
  readonly redisUrl: string;
  /** How long a Redis that was sent a command may stay silent, in ms, before it counts as lost. */
  readonly redisTimeoutMs: number;
}

/** Resolves once Redis is connected, or once a first attempt has failed; attempts go on. */
export async function connectBackend(at: Connection, log: GatewayLog): Promise<Backend> {
  const redis = new Redis(at.redisUrl, {
    ...CONNECTION,
    socketTimeout: at.redisTimeoutMs,
    retryStrategy: (attempt) => Math.min(20 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_DELAY_MS),
  });
  logOutages(redis, log);
  await redis.connect().catch(() => undefined);

  return {
    run: async (commands) => (await send(redis, commands)).map(toOutcome),
    transact: async (commands) => {
      const results = await send(redis, [
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

type Result = readonly [error: Error | null, reply: unknown];

/** A pipeline of ioredis is one write, so no other request's commands come in between. */
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
    // EXEC only says that something was wrong before it; the first error says what.
    const causes = [error, results.find(([queueing]) => queueing !== null)?.[0]];
    throw new Refusal(400, causes.map((cause) => describe(cause?.message ?? "")).join(" "));
  }
  return replies.map((reply: unknown) =>
    reply instanceof Error ? toOutcome([reply, null]) : toOutcome([null, reply]),
  );
}

/** ioredis types replies as unknown; `CONNECTION` is what makes them a `Reply`. */
function toOutcome([error, reply]: Result): Outcome {
  return error === null ? { reply: reply as Reply } : { error: describe(error.message) };
}

/** Redis quotes the arguments of a command it does not know; Upstash does not, nor do we. */
function describe(message: string): string {
  const unknown = /^ERR unknown command '([^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return message;
  return `ERR Command is not available: '${unknown}'. The Redis behind this gateway does not have it`;
}

/** Told apart by name, because ioredis exports the class untyped. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** One line when Redis goes away and one when it is back, not one per attempt. */
function logOutages(redis: Redis, log: GatewayLog): void {
  let isAway = false;
  redis.on("error", (error: Error) => {
    // An address with several IPs fails with a code and no message.
    const reason = error.message === "" && "code" in error ? error.code : error.message;
    if (!isAway) log.warn({ reason }, "redis unreachable");
    isAway = true;
  });
  redis.on("ready", () => {
    if (isAway) log.info({}, "redis reachable again");
    isAway = false;
  });
}
