/** The doctor's check of what the user of `REDIS_URL` may do, if it is not one who may do everything. */
import { aclChannels, aclCommands } from "../protocol/redis/acl.ts";
import {
  controlChannel,
  deadLettersKey,
  queueKeys,
  queuesKey,
  type Naming,
} from "../protocol/redis/keys.ts";
import type { createConnection } from "../subscriber/connection/ioredis.ts";
import { ok, skipped, wrong, type Finding } from "./finding.ts";

type Connection = ReturnType<typeof createConnection>;

const check = "redis rights";
const fix =
  "give its user the rules that `signalbox keys acl` prints; the prefixes must be the same";
/** Only a Cluster is asked these; ioredis takes replies of those for subscriptions; the others would end the transaction. */
const notTried = /^(?:cluster|subscribe|unsubscribe|multi|discard)/;

/** A call, and the rule that is missing where its user may not make it. */
interface Probe {
  readonly call: readonly [string, ...string[]];
  readonly rule: string;
  /** Whether its answer tells of the command alone, and not of keys and channels too. */
  readonly isOfCommand: boolean;
}

/**
 * Queues the calls of a subscriber in a transaction and throws it away: Redis looks at rights when a call is
 * queued, and none is run. Some 200 commands.
 */
export async function checkRights(redis: Connection, naming: Naming): Promise<Finding> {
  // Alone at first: if Redis refused to begin a transaction, what follows would be run.
  const [opened] = await inTransaction(redis, []);
  if (opened !== null) return skipped(check, "its user may not call MULTI and DISCARD", fix);
  const probes = [...commandProbes(naming), ...placeProbes(naming)];
  const [, ...refusals] = await inTransaction(redis, probes);
  const missing = probes.flatMap(({ rule, isOfCommand }, at) => {
    const refusal = refusals[at] ?? "";
    const counts = isOfCommand ? /^NOPERM.* to run /.test(refusal) : refusal.startsWith("NOPERM");
    return counts ? [rule] : [];
  });
  if (missing.length === 0) return ok(check, "all that a subscriber needs");
  return wrong(check, `NOPERM: its user lacks ${[...new Set(missing)].join(" ")}`, fix);
}

/** With no arguments, with one, and so on: Redis looks at their number before it looks at rights. */
function commandProbes(naming: Naming): readonly Probe[] {
  const givenTo = (command: string) => [
    command === "publish" ? controlChannel(naming) : queuesKey(naming),
    ...["0", "0", "0"],
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
      // As a name it is one of those that the pattern stands for, once nothing in it is escaped.
      call: ["PUBLISH", pattern.replaceAll(/\\(.)/g, "$1"), ""] as const,
      rule: `&${pattern}`,
      isOfCommand: false,
    })),
  ];
}

/**
 * What each call is refused with, null where it is not; the first is for `MULTI`. One write: on a connection that is
 * made anew in between, the rest would be run.
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
