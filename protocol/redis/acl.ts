/**
 * What the function and the subscribers may do in Redis, as rules of its ACL: the keys, channels and commands that
 * they use, and no others. A script runs with the rights of its caller, so the lists include the commands that scripts
 * call. A test compares the lists with the code. Needs Redis 6.2 or later.
 */
import {
  controlChannel,
  deadLettersKey,
  declaredKey,
  dispatchChannel,
  type Naming,
  queueKeyBase,
  queuesKey,
  rateKey,
  reportChannel,
  resultChannel,
} from "./keys.ts";

/** Who connects to Redis: the function, through its REST API, and the subscribers. */
export const aclRoles = ["function", "subscriber"] as const;
export type AclRole = (typeof aclRoles)[number];

/** Commands of both roles; the last line is for connections and scripts. */
const shared =
  "get hdel hexists hget hgetall hlen hmget hset llen lpop lpush lrem pexpire publish pubsub|numsub rpush sadd set smembers " +
  "srandmember srem time xadd xdel xrange xrevrange xtrim zadd zcard zrange zrangebylex zrangebyscore zrem zrevrange " +
  // INFO is how clients learn that Redis has loaded its data.
  "eval evalsha info ping subscribe";

const commandsOf: Readonly<Record<AclRole, string>> = {
  // INCR, INCRBY and PTTL count requests and jobs of callers that have a rate limit.
  function: `${shared} incr incrby pttl`,
  // `signalbox doctor` opens a transaction to test its rights and discards it; without EXEC no transaction can run.
  subscriber: `${shared} multi discard cluster|keyslot cluster|slots hsetnx rpop unsubscribe zmscore zscore`,
};

/** The commands that `role` may call, in lower case; some with a subcommand, such as `pubsub|numsub`. */
export function aclCommands(role: AclRole): readonly string[] {
  return commandsOf[role].split(" ");
}

/** Patterns of the keys that `role` may read and write. */
export function aclKeys(naming: Naming, role: AclRole): readonly string[] {
  const literal = escaped(naming);
  return [
    `${queueKeyBase(literal, "*")}*`,
    queuesKey(literal),
    ...(role === "function"
      ? [declaredKey(literal), rateKey(literal, "*")]
      : [deadLettersKey(literal)]),
  ];
}

/** Patterns of the channels that both roles may use: Redis has one rule for publishing and subscribing. */
export function aclChannels(naming: Naming): readonly string[] {
  const literal = escaped(naming);
  return [
    dispatchChannel(literal, "*"),
    resultChannel(literal),
    controlChannel(literal),
    reportChannel(literal, "*", "*"),
  ];
}

/**
 * The rules of a user, as `ACL SETUSER` and an ACL file take them. They begin with `reset`, which also drops the
 * user's passwords: add a password's rule after them.
 * @param db The database to use; any but 0 takes the right to select one.
 */
export function aclRules(naming: Naming, role: AclRole, db = 0): readonly string[] {
  return [
    "reset",
    // Redis 6.2 and KeyDB reset a user to all channels, and refuse patterns beside that.
    "resetchannels",
    "on",
    ...aclKeys(naming, role).map((pattern) => `~${pattern}`),
    ...aclChannels(naming).map((pattern) => `&${pattern}`),
    ...aclCommands(role).map((command) => `+${command}`),
    ...(db === 0 ? [] : ["+select"]),
  ];
}

/** Escapes what means something in a pattern: a prefix may hold any character. */
function escaped({ keyPrefix, channelPrefix }: Naming): Naming {
  const escape = (text: string) => text.replaceAll(/[*?[\]\\]/g, "\\$&");
  return { keyPrefix: escape(keyPrefix), channelPrefix: escape(channelPrefix) };
}
