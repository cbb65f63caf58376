/** `signalbox keys acl`: Redis users for the function and the subscribers. Passwords go to stdout and nowhere else. */
import type { Command } from "commander";
import { makeRedisUsers, readNaming, type RedisUser, urlAs } from "../local/redis-users.ts";
import { type AclRole, aclRules } from "../protocol/redis/acl.ts";
import { readRedisUrl } from "../protocol/redis/address.ts";
import { givenSettings } from "../protocol/settings/given.ts";
import { UsageError } from "./exit.ts";
import { show } from "./output.ts";

/** The users, and where each is to be set. */
export interface MadeUsers {
  /** The content of the file that `aclfile` in redis.conf names; it holds digests, no passwords. */
  readonly file: string;
  /** May do everything; for the operator of the server. */
  readonly admin: RedisUser;
  readonly users: Readonly<Record<AclRole, RedisUser & { readonly url: string }>>;
  /** For a server that makes the passwords itself: the rules after `ACL SETUSER <name>`. */
  readonly rules: Readonly<Record<AclRole, string>>;
}

/** Adds the command. */
export function addAclCommand(keys: Command): void {
  keys
    .command("acl")
    .summary("make Redis users with exactly the rights that Signalbox needs")
    .description(
      "Prints users with new passwords, for the prefixes in SIGNALBOX_KEY_PREFIX and SIGNALBOX_CHANNEL_PREFIX. " +
        "Takes the address and the database of Redis from REDIS_URL. Changes nothing.",
    )
    .action((_flags: unknown, command: Command) => {
      const made = makeUsers(process.env);
      show(command, made, () => linesOf(made));
    });
}

/** @throws UsageError if a prefix or REDIS_URL is malformed */
export function makeUsers(env: Readonly<Record<string, string | undefined>>): MadeUsers {
  const set = givenSettings(env);
  const url = set["REDIS_URL"] ?? "redis://127.0.0.1:6379";
  const reading = readRedisUrl(url);
  if ("problem" in reading)
    throw new UsageError(`expected REDIS_URL to name a Redis server: ${reading.problem}`);
  const { db } = reading.address;
  const naming = namingOf(set);
  const { admin, file, ...made } = makeRedisUsers(naming, db);
  const withUrl = (user: RedisUser) => ({ ...user, url: urlAs(url, user) });
  const rules = (role: AclRole) => aclRules(naming, role, db).join(" ");
  return {
    file,
    admin,
    users: { function: withUrl(made.function), subscriber: withUrl(made.subscriber) },
    rules: { function: rules("function"), subscriber: rules("subscriber") },
  };
}

function namingOf(env: Readonly<Record<string, string | undefined>>) {
  try {
    return readNaming(env);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function linesOf({ file, admin, users }: MadeUsers): string {
  return `# The file that aclfile in redis.conf names; it holds digests, no passwords.
${file}
# For the gateway, through which the function reaches Redis:
REDIS_URL=${users.function.url}

# For every subscriber and every producer:
REDIS_URL=${users.subscriber.url}

# For the operator of the server, as user ${admin.name}:
REDISCLI_AUTH=${admin.password}`;
}
