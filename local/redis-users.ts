/**
 * The users of a Redis that only Signalbox uses: one for the operator, one for the function, one for
 * the subscribers. The file that Redis reads contains only digests of their passwords.
 */
import { createHash, randomBytes } from "node:crypto";
import { type AclRole, aclRules } from "../protocol/redis/acl.ts";
import { defaultNaming, type Naming } from "../protocol/redis/keys.ts";

export interface RedisUser {
  readonly name: string;
  readonly password: string;
}

export interface RedisUsers extends Readonly<Record<AclRole, RedisUser>> {
  /** May do everything. It is the user `default` of Redis, which would otherwise need no password. */
  readonly admin: RedisUser;
  /** The content of the file that `aclfile` in redis.conf names. */
  readonly file: string;
}

/** Makes users with new random passwords, for the database `db`. */
export function makeRedisUsers(naming: Naming, db = 0): RedisUsers {
  const admin = newUser("default");
  const forFunction = newUser("signalbox-function");
  const subscriber = newUser("signalbox-subscriber");
  const lines = [
    userLine(admin, ["reset", "on", "~*", "&*", "+@all"]),
    userLine(forFunction, aclRules(naming, "function", db)),
    userLine(subscriber, aclRules(naming, "subscriber", db)),
  ];
  return { admin, function: forFunction, subscriber, file: `${lines.join("\n")}\n` };
}

/** Replaces name and password in `url` by those of a user. */
export function urlAs(url: string, { name, password }: RedisUser): string {
  const as = new URL(url);
  if (as.hostname === "") as.hostname = "localhost"; // only a URL with a host has users; a socket's takes any
  as.username = encodeURIComponent(name);
  as.password = encodeURIComponent(password);
  return as.href;
}

/**
 * Reads the prefixes of keys and channels, which are also part of the users' rights.
 * @throws Error if one is malformed
 */
export function readNaming(env: Readonly<Record<string, string | undefined>>): Naming {
  const prefix = (name: string, fallback: string, form: RegExp) => {
    const value = env[name] ?? fallback;
    // A space or a line break would end its ACL rule and begin another.
    if (form.test(value)) return value;
    throw new Error(`${name}: expected up to 64 characters without spaces, braces and commas.`);
  };
  return {
    keyPrefix: prefix("SIGNALBOX_KEY_PREFIX", defaultNaming.keyPrefix, /^[^\s{}]{1,64}$/),
    channelPrefix: prefix(
      "SIGNALBOX_CHANNEL_PREFIX",
      defaultNaming.channelPrefix,
      /^[^\s,]{0,64}$/,
    ),
  };
}

function userLine({ name, password }: RedisUser, rules: readonly string[]): string {
  const digest = createHash("sha256").update(password).digest("hex");
  return `user ${name} ${rules.join(" ")} #${digest}`;
}

function newUser(name: string): RedisUser {
  return { name, password: randomBytes(32).toString("hex") };
}
