/**
 * The users of a Redis that Signalbox has for itself: one for whoever runs the server, one for the
 * function, one for the subscribers. The file that Redis reads holds digests of their passwords alone.
 */
import { createHash, randomBytes } from "node:crypto";
import { type AclRole, aclRules } from "../protocol/redis/acl.ts";
import { defaultNaming, type Naming } from "../protocol/redis/keys.ts";

export interface RedisUser {
  readonly name: string;
  readonly password: string;
}

export interface RedisUsers extends Readonly<Record<AclRole, RedisUser>> {
  /** May do everything. It is Redis's own `default`, which else would need no password. */
  readonly admin: RedisUser;
  /** What `aclfile` in the settings of Redis names. */
  readonly file: string;
}

/** Makes users with new random passwords. */
export function makeRedisUsers(naming: Naming): RedisUsers {
  const admin = newUser("default");
  const forFunction = newUser("signalbox-function");
  const subscriber = newUser("signalbox-subscriber");
  const lines = [
    userLine(admin, ["reset", "on", "~*", "&*", "+@all"]),
    userLine(forFunction, aclRules(naming, "function")),
    userLine(subscriber, aclRules(naming, "subscriber")),
  ];
  return { admin, function: forFunction, subscriber, file: `${lines.join("\n")}\n` };
}

/** `url` with the user's name and password in place of those that it has. */
export function urlAs(url: string, { name, password }: RedisUser): string {
  const as = new URL(url);
  as.username = encodeURIComponent(name);
  as.password = encodeURIComponent(password);
  return as.href;
}

/**
 * The prefixes that function and subscriber are told, which are in their users' rights too.
 * @throws Error if one cannot be a prefix
 */
export function readNaming(env: Readonly<Record<string, string | undefined>>): Naming {
  const prefix = (name: string, fallback: string, form: RegExp) => {
    const value = env[name] ?? fallback;
    // A space or a line break would end the rule that it stands in, and begin another.
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
