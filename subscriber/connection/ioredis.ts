/** The Redis port over `ioredis`, and the settings of both connections. */
import { createHash } from "node:crypto";
import { Redis } from "ioredis";
import { SignalboxError } from "../../protocol/error.ts";
import {
  readRedisUrl,
  type RedisAddress,
  redisClientOptions,
} from "../../protocol/redis/address.ts";
import { isRefusedSelect } from "../../protocol/redis/connect-failure.ts";
import { redisErrorCode, redisErrorTraits } from "../../protocol/redis/errors.ts";
import type { Call, RedisPort, Reply } from "../../protocol/redis/port.ts";
import { readMoved, type SlotOwner } from "./slot-owner.ts";

/** How long Redis may take to answer before its connection counts as dead, in milliseconds. */
const answerMs = 10_000;

/**
 * The client queues nothing and sends nothing again by itself: a call fails immediately while the connection is down, and
 * its caller decides. RESP2 saves the `HELLO`, which hosted Redis bills.
 */
const settings = {
  protocol: 2,
  disableClientInfo: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  lazyConnect: true,
  connectTimeout: 5_000,
  keepAlive: 30_000,
  retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 7), 2_000),
} as const;

/**
 * Creates a connection, not yet connected, that reconnects by itself whenever it is lost, also where the server accepts
 * it and never answers. It is ready only in the database of the URL. Give it an `error` listener before you connect:
 * `explainConnectFailure` has words for what that is told.
 * @throws SignalboxError `config_invalid` for a URL that cannot be used
 */
export function createConnection(url: string): Redis {
  const redis = new Redis({ ...settings, ...redisClientOptions(readAddress(url)) });
  endIfNotSelected(redis);
  giveUpIfSilent(redis);
  return redis;
}

/**
 * The address that a URL names.
 * @throws SignalboxError `config_invalid`, without the URL
 */
export function readAddress(url: string): RedisAddress {
  const reading = readRedisUrl(url);
  if ("address" in reading) return reading.address;
  throw new SignalboxError("config_invalid", `URL of Redis: ${reading.problem}`);
}

/** `ioredis` tells that `SELECT` failed and goes on in database 0: the connection ends before it is ready. */
function endIfNotSelected(redis: Redis): void {
  redis.on("error", (error: Error) => {
    if (isRefusedSelect(error)) redis.stream.destroy();
  });
}

/** Ends a connection that is not ready in time: `connectTimeout` applies only until TCP is connected. */
function giveUpIfSilent(redis: Redis): void {
  let timer: NodeJS.Timeout | undefined;
  redis.on("connect", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (redis.status !== "ready") reconnect(redis);
    }, answerMs);
    timer.unref();
  });
}

/** What `reconnect` needs of a connection. */
export interface Reconnectable {
  /** Its present socket. */
  readonly stream: object;
  disconnect(reconnect?: boolean): void;
}

const givenUp = new WeakSet<object>();

/**
 * Ends a connection's socket, and has it connect again. Many calls may find it dead in the same turn, and it counts as
 * ready until its socket is closed: so each socket is ended once.
 */
export function reconnect(redis: Reconnectable): void {
  if (givenUp.has(redis.stream)) return;
  givenUp.add(redis.stream);
  redis.disconnect(true);
}

/**
 * Adapts a connection to the port. If the Redis is one master of a Cluster, calls for keys of another master are sent
 * there, over a connection that is made for the first of them and closed with this one.
 * @param onMoved Called with each call that another master had to answer.
 */
export function createRedisPort(
  redis: Redis,
  onMoved: (owner: SlotOwner) => void = () => undefined,
): RedisPort {
  const send = createSend(redis);
  const others = new Map<string, Promise<Send>>();

  async function connectTo({ host, port: number }: SlotOwner, address: string): Promise<Send> {
    const other = redis.duplicate({
      host: host === "" ? (redis.options.host ?? "") : host,
      port: number,
      retryStrategy: () => null, // the next call makes another connection
    });
    giveUpIfSilent(other);
    other.on("error", () => undefined); // its calls fail
    const close = () => {
      other.disconnect();
    };
    redis.once("end", close);
    other.on("end", () => {
      redis.off("end", close);
      others.delete(address);
    });
    try {
      await other.connect();
    } catch (error) {
      throw translate(error);
    }
    return createSend(other);
  }

  async function follow(owner: SlotOwner, call: Call): Promise<Reply> {
    onMoved(owner);
    const address = `${owner.host}:${owner.port}`;
    const other = others.get(address) ?? connectTo(owner, address);
    others.set(address, other);
    return (await other)(call);
  }

  const sendAnywhere = (call: Call): Promise<Reply> =>
    send(call).catch((error: unknown) => {
      const owner = error instanceof SignalboxError ? readMoved(error.cause) : null;
      if (owner === null) throw error;
      return follow(owner, call);
    });

  return {
    async send(calls) {
      const replies = calls.map(sendAnywhere);
      try {
        return await Promise.all(replies);
      } catch (error) {
        // On one connection the other calls have been answered by then; at other masters they may be under way.
        await Promise.allSettled(replies);
        throw error;
      }
    },
  };
}

type Send = (call: Call) => Promise<Reply>;

/**
 * Sends calls over one connection. If an answer takes longer than 10 s the connection is ended: the other end may be
 * gone. One timer watches all calls, since answers come in the order of the calls.
 */
function createSend(redis: Redis): Send {
  const waiting = new Set<(error: SignalboxError) => void>();
  let timer: NodeJS.Timeout | undefined;

  function giveUp(): void {
    timer = undefined;
    if (redis.status === "ready") reconnect(redis);
    const message = `expected an answer from Redis within ${answerMs} ms; reconnecting`;
    for (const reject of waiting) reject(new SignalboxError("redis_unavailable", message));
    waiting.clear();
  }

  function inTime(answer: Promise<Reply>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!waiting.delete(reject)) return;
        if (waiting.size > 0) timer?.refresh();
        else {
          clearTimeout(timer);
          timer = undefined;
        }
      };
      waiting.add(reject);
      timer ??= setTimeout(giveUp, answerMs);
      answer.then(
        (reply) => {
          settle();
          resolve(reply);
        },
        (error: unknown) => {
          settle();
          if (needsReconnect(error) && redis.status === "ready") reconnect(redis);
          reject(translate(error));
        },
      );
    });
  }

  return (call) => inTime(sendOne(redis, call));
}

async function sendOne(redis: Redis, call: Call): Promise<Reply> {
  if ("command" in call) {
    const [name, ...args] = call.command;
    return (await redis.call(name, ...args)) as Reply;
  }
  const { script, keys, args } = call;
  try {
    return (await redis.evalsha(digestOf(script.lua), keys.length, ...keys, ...args)) as Reply;
  } catch (error) {
    if (!isReplyError(error) || redisErrorCode(error.message) !== "NOSCRIPT") throw error;
    return (await redis.eval(script.lua, keys.length, ...keys, ...args)) as Reply;
  }
}

const digests = new Map<string, string>();

function digestOf(lua: string): string {
  const known = digests.get(lua);
  if (known !== undefined) return known;
  const digest = createHash("sha1").update(lua).digest("hex");
  digests.set(lua, digest);
  return digest;
}

function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

function needsReconnect(error: unknown): boolean {
  return isReplyError(error) && redisErrorTraits(error.message).needsReconnect;
}

function translate(error: unknown): SignalboxError {
  const message = error instanceof Error ? error.message : String(error);
  const isRefused = isReplyError(error) && !redisErrorTraits(message).isTransient;
  return new SignalboxError(
    isRefused ? "redis_refused" : "redis_unavailable",
    `Redis: ${message.slice(0, 300)}`,
    { cause: error },
  );
}
