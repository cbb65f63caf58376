/**
 * What the function and the subscribers may do at Redis, as rules of its ACL: the keys, channels and
 * commands that they use, and no others. Scripts run with the rights of who calls them, so what they
 * call is among the commands; a test holds the lists against the code. Redis 6.2 or later.
 */
import {
  controlChannel,
  deadLettersKey,
  declaredKey,
  dispatchChannel,
  queueKeyBase,
  queuesKey,
  rateKey,
  reportChannel,
  resultChannel,
  type Naming,
} from "./keys.ts";

/** Who connects to Redis: the function, through its REST API, and the subscribers. */
export const aclRoles = ["function", "subscriber"] as const;
export type AclRole = (typeof aclRoles)[number];

/** Called by both; the second line is connections and scripts. */
const shared =
  "get hdel hexists hget hgetall hlen hmget hset llen lpop lpush lrem pexpire publish pubsub|numsub rpush sadd set smembers " +
  "srandmember srem time xadd xdel xrange xrevrange xtrim zadd zcard zrange zrangebylex zrangebyscore zrem zrevrange " +
  // INFO is how clients learn that Redis has loaded its data.
  "eval evalsha info ping subscribe";

const commandsOf: Readonly<Record<AclRole, string>> = {
  // A request is counted where there is a limit for its rate.
  function: `${shared} incr pttl`,
  // `signalbox doctor` opens a transaction to see what it may, and throws it away; without EXEC none can be run.
  subscriber: `${shared} multi discard cluster|keyslot cluster|slots hsetnx rpop unsubscribe zmscore zscore`,
};

/** The commands that `role` may call, in small letters; some with their one subcommand, such as `pubsub|numsub`. */
export function aclCommands(role: AclRole): readonly string[] {
  return commandsOf[role].split(" ");
}

/** Patterns of the keys that `role` may read and write. */
export function aclKeys(naming: Naming, role: AclRole): readonly string[] {
  const literal = literally(naming);
  return [
    `${queueKeyBase(literal, "*")}*`,
    queuesKey(literal),
    ...(role === "function"
      ? [declaredKey(literal), rateKey(literal, "*")]
      : [deadLettersKey(literal)]),
  ];
}

/** Patterns of the channels that both may publish to and listen on: Redis does not tell the two apart. */
export function aclChannels(naming: Naming): readonly string[] {
  const literal = literally(naming);
  return [
    dispatchChannel(literal, "*"),
    resultChannel(literal),
    controlChannel(literal),
    reportChannel(literal, "*", "*"),
  ];
}

/**
 * The rules of a user, as `ACL SETUSER` and an ACL file take them. They forget what the user had before,
 * passwords included: a password's rule comes after them.
 */
export function aclRules(naming: Naming, role: AclRole): readonly string[] {
  return [
    ...["reset", "on"],
    ...aclKeys(naming, role).map((pattern) => `~${pattern}`),
    ...aclChannels(naming).map((pattern) => `&${pattern}`),
    ...aclCommands(role).map((command) => `+${command}`),
  ];
}

/** A prefix may hold what means something in a pattern. */
function literally({ keyPrefix, channelPrefix }: Naming): Naming {
  const escape = (text: string) => text.replaceAll(/[*?[\]\\]/g, "\\$&");
  return { keyPrefix: escape(keyPrefix), channelPrefix: escape(channelPrefix) };
}
