/** The doctor's check of the rights of the user in `REDIS_URL`. */
import { aclChannels, aclCommands } from "../protocol/redis/acl.ts";
import {
  controlChannel,
  deadLettersKey,
  type Naming,
  queueKeys,
  queuesKey,
} from "../protocol/redis/keys.ts";
import type { createConnection } from "../subscriber/connection/ioredis.ts";
import { type Finding, ok, skipped, wrong } from "./finding.ts";

type Connection = ReturnType<typeof createConnection>;

const check = "redis rights";
const fix =
  "give its user the rules that `signalbox keys acl` prints; the prefixes must be the same";
/**
 * Not probed: `CLUSTER` is sent to a Cluster only, ioredis takes any reply to `SUBSCRIBE` for a subscription, and
 * `MULTI` or `DISCARD` would end the transaction.
 */
const notTried = /^(?:cluster|subscribe|unsubscribe|multi|discard)/;

/** A call, and the ACL rule that the user lacks if it is refused. */
interface Probe {
  readonly call: readonly [string, ...string[]];
  readonly rule: string;
  /** Whether it probes the command only; a refusal of its keys or channels then does not count. */
  readonly isOfCommand: boolean;
}

/**
 * Queues a subscriber's calls in a transaction and discards it: Redis checks the rights when a call is queued, and
 * runs none of them. Some 200 commands.
 */
export async function checkRights(redis: Connection, naming: Naming): Promise<Finding> {
  // MULTI by itself first: if Redis refused it, the calls after it would run.
  const [opened] = await inTransaction(redis, []);
  if (opened !== null) return skipped(check, "the user may not call MULTI and DISCARD", fix);
  const probes = [...commandProbes(naming), ...placeProbes(naming)];
  const [, ...refusals] = await inTransaction(redis, probes);
  const missing = probes.flatMap(({ rule, isOfCommand }, at) => {
    const refusal = refusals[at] ?? "";
    const counts = isOfCommand ? /^NOPERM.* to run /.test(refusal) : refusal.startsWith("NOPERM");
    return counts ? [rule] : [];
  });
  if (missing.length === 0) return ok(check, "the user has every right that a subscriber needs");
  return wrong(check, `NOPERM: the user lacks ${[...new Set(missing)].join(" ")}`, fix);
}

/** Each command with no arguments, with one, and so on: Redis checks the number of arguments before the rights. */
function commandProbes(naming: Naming): readonly Probe[] {
  const givenTo = (command: string) => [
    command === "publish" ? controlChannel(naming) : queuesKey(naming),
    "0",
    "0",
    "0",
  ];
  return aclCommands("subscriber")
    .filter((command) => !notTried.test(command))
    .flatMap((command) => {
      const given = givenTo(command);
      const [name = "", ...action] = command.toUpperCase().split("|");
      return Array.from({ length: given.length + 1 }, (_, count) => ({
        call: [name, ...action, ...given.slice(0, count)] as const,
        rule: `+${command}`,
        isOfCommand: true,
      }));
    });
}

function placeProbes(naming: Naming): readonly Probe[] {
  const keys = [queueKeys(naming, "default").jobs, queuesKey(naming), deadLettersKey(naming)];
  return [
    ...keys.map((key) => ({ call: ["GET", key] as const, rule: `~${key}`, isOfCommand: false })),
    ...aclChannels(naming).map((pattern) => ({
      // Unescaped, the pattern is itself a channel name that it matches.
      call: ["PUBLISH", pattern.replaceAll(/\\(.)/g, "$1"), ""] as const,
      rule: `&${pattern}`,
      isOfCommand: false,
    })),
  ];
}

/**
 * Resolves to the error of each call, or null; the first is that of `MULTI`. Sends all in one write: if the connection
 * were replaced in between, the rest would run outside a transaction.
 */
async function inTransaction(
  redis: Connection,
  probes: readonly Probe[],
): Promise<readonly (string | null)[]> {
  const pipeline = redis.pipeline();
  const calls = [["MULTI"] as const, ...probes.map(({ call }) => call), ["DISCARD"] as const];
  for (const [name, ...args] of calls) pipeline.call(name, ...args);
  const answers = (await pipeline.exec()) ?? [];
  return answers.slice(0, -1).map(([error]) => error?.message ?? null);
}
