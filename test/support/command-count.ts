/**
 * Counts what Redis is asked, and tells by the subscribers' own keep-alives that they have rested long enough: a
 * test of silence then ends with an event, and not with a sleep.
 */
import type { Redis } from "ioredis";
import { until } from "./until.ts";

type Stats = ReadonlyMap<string, number>;

/** Keep-alives that the connections below have sent. */
let keepAlives = 0;
/** Those of them that have been taken off a count. */
let counted = 0;

/**
 * Has the keep-alives of a subscriber's connection for commands counted as such: each is an `HMGET`, as scripts use it too,
 * and their `HMGET`s must count. Returns the connection.
 */
export function countKeepAlives(commands: Redis): Redis {
  const call = commands.call.bind(commands);
  return Object.assign(commands, {
    call: (...[name, ...args]: [string, ...(string | Buffer | number)[]]) => {
      if (name === "HMGET") keepAlives++;
      return call(name, ...args);
    },
  });
}

/** Resolves to how often Redis ran each command, by its name. */
export async function commandStats(redis: Redis): Promise<Stats> {
  const stats = await redis.info("commandstats");
  const calls = stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g);
  return new Map([...calls].map(([, name = "", count]) => [name, Number(count)]));
}

/**
 * Resolves to the number of commands that Redis ran since the last call, those inside scripts included. The
 * commands of this module do not count, and neither do keep-alives, whose number `rested` checks.
 */
export async function commandsSince(redis: Redis): Promise<number> {
  const stats = await commandStats(redis);
  const sent = keepAlives;
  await redis.call("CONFIG", "RESETSTAT");
  const all = [...stats]
    .filter(([name]) => name !== "info" && name !== "ping" && !name.startsWith("config"))
    .reduce((sum, [, calls]) => sum + calls, 0);
  const commands = all - (sent - counted);
  counted = sent;
  return commands;
}

export interface Rest {
  /**
   * How many connections send keep-alives: two for each subscriber, if its connection for commands was given to
   * `countKeepAlives`, else one.
   */
  readonly connections: number;
  /** Their SIGNALBOX_PING_MS. */
  readonly pingMs: number;
  /** For how many times `pingMs` they rest at least. */
  readonly periods: number;
}

/**
 * Resolves when at least `periods` times `pingMs` have passed on the subscribers' own timers: by then one of the
 * connections must have sent `periods + 1` keep-alives. Resolves to the number of keep-alives that were sent meanwhile.
 * @throws Error if the keep-alives do not come, or come more often than every `pingMs` on each connection
 */
export async function rested(
  redis: Redis,
  { connections, pingMs, periods }: Rest,
): Promise<number> {
  const pings = async () => ((await commandStats(redis)).get("ping") ?? 0) + keepAlives;
  const before = await pings();
  const startedAt = performance.now();
  const wanted = before + connections * periods + 1;
  await until(async () => (await pings()) >= wanted, {
    within: (periods + 2) * pingMs + 10_000,
    or: `${wanted} keep-alives`,
  });
  const sent = (await pings()) - before;
  const elapsedMs = performance.now() - startedAt;
  // A connection under load sends one keep-alive late and the next on time: half a period is that allowance.
  const leastMs = (periods - 0.5) * pingMs;
  const most = connections * (Math.floor(elapsedMs / pingMs + 0.5) + 1);
  if (elapsedMs < leastMs || sent > most) {
    throw new Error(
      `expected at most ${most} keep-alives, and at least ${leastMs} ms; got ${sent} in ${Math.round(elapsedMs)} ms`,
    );
  }
  return sent;
}
