/** Which master of a Redis Cluster has which queue. */
import { SignalboxError } from "../../protocol/error.ts";
import { type Naming, queueKeys } from "../../protocol/redis/keys.ts";
import type { RedisPort, Reply } from "../../protocol/redis/port.ts";
import { list, number } from "../../protocol/redis/reply.ts";

/** The master that has a hash slot. */
export interface SlotOwner {
  readonly slot: number;
  /** Empty: the host of the connection that answered. */
  readonly host: string;
  readonly port: number;
}

/** Reads the error reply `MOVED <slot> <host>:<port>`; null for any other error. The host may be an IPv6 address. */
export function readMoved(error: unknown): SlotOwner | null {
  if (!(error instanceof Error)) return null;
  const [, slot, host = "", port] = /^MOVED (\d+) (.*):(\d+)$/.exec(error.message) ?? [];
  return slot === undefined ? null : { slot: Number(slot), host, port: Number(port) };
}

/**
 * Asks a server of a Cluster where each of `queues` is. Answers every queue.
 * @throws SignalboxError `redis_unavailable` if no master has the slot, or no answer came
 */
export async function locate(
  redis: RedisPort,
  naming: Naming,
  queues: readonly string[],
): Promise<ReadonlyMap<string, SlotOwner>> {
  const [ranges, ...slots] = await redis.send([
    { command: ["CLUSTER", "SLOTS"] },
    ...queues.map((queue) => ({
      command: ["CLUSTER", "KEYSLOT", queueKeys(naming, queue).jobs] as const,
    })),
  ]);
  const owners = list(ranges).map((range) => {
    const [from, to, master] = list(range);
    const [host, port] = list(master);
    return { from: number(from), to: number(to), host: hostOf(host), port: number(port) };
  });
  return new Map(
    queues.map((queue, at) => {
      const slot = number(slots[at]);
      const owner = owners.find(({ from, to }) => from <= slot && slot <= to);
      if (owner === undefined) {
        const message = `expected a master for slot ${slot} of queue ${queue}: the Cluster is down`;
        throw new SignalboxError("redis_unavailable", message);
      }
      return [queue, { slot, host: owner.host, port: owner.port }];
    }),
  );
}

/** A server that does not know its own name answers nothing, or a question mark. */
function hostOf(host: Reply | undefined): string {
  return typeof host === "string" && host !== "?" ? host : "";
}

/** `url`, with its credentials, at the owner's address: over TCP, also where `url` is that of a socket. */
export function urlAt(url: string, { host, port }: SlotOwner): string {
  const at = new URL(url.replace(/^(?:\w+\+)?unix:\/\/(.*@)?[^/]*\/[^?]*/, "redis://$1localhost/"));
  if (host !== "") at.hostname = host.includes(":") ? `[${host}]` : host;
  at.port = String(port);
  return at.href;
}
