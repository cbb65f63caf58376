/** Whether a queue still knows the nodes that joined it: read with one plain command, which proves the connection alive too. */
import { type Naming, queueKeys } from "../redis/keys.ts";
import type { RedisPort } from "../redis/port.ts";
import { exactly, list, text } from "../redis/reply.ts";

/** A node as its last join left it. */
export interface Registration {
  readonly node: string;
  readonly epoch: string;
}

/**
 * Resolves to those of `nodes` (at least one) that `queue` does not have as connected, under the epoch given: their rows
 * are gone, are of another time, or say that nobody listens. Changes nothing, so it may be repeated. One command.
 * @throws SignalboxError what the port throws
 */
export async function missingRegistrations(
  redis: RedisPort,
  naming: Naming,
  queue: string,
  nodes: readonly Registration[],
): Promise<readonly Registration[]> {
  const key = queueKeys(naming, queue).nodes;
  const [reply] = await redis.send([{ command: ["HMGET", key, ...nodes.map(({ node }) => node)] }]);
  const rows = exactly(list(reply), nodes.length, "rows of nodes");
  return nodes.filter(({ epoch }, at) => {
    const row = rows[at] ?? null;
    if (row === null) return true;
    const [present, , mark] = text(row).split(" ", 3);
    return present !== epoch || mark !== "1";
  });
}
