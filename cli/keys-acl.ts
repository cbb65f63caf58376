/** `signalbox keys acl`: users of Redis for function and subscribers. Passwords go to stdout and nowhere else. */
import type { Command } from "commander";
import { aclRules, type AclRole } from "../protocol/redis/acl.ts";
import { makeRedisUsers, readNaming, urlAs, type RedisUser } from "../local/redis-users.ts";
import { UsageError } from "./exit.ts";
import { show } from "./output.ts";

/** What is to be set where. */
export interface MadeUsers {
  /** The file that `aclfile` in redis.conf names; it holds digests alone. */
  readonly file: string;
  /** May do everything: for whoever runs the server. */
  readonly admin: RedisUser;
  readonly users: Readonly<Record<AclRole, RedisUser & { readonly url: string }>>;
  /** For a server that makes passwords itself: what follows `ACL SETUSER <name>`. */
  readonly rules: Readonly<Record<AclRole, string>>;
}

/** Adds the command. */
export function addAclCommand(keys: Command): void {
  keys
    .command("acl")
    .summary("make users of Redis that may do what Signalbox needs, and no more")
    .description(
      "Makes users with new passwords, for the prefixes in SIGNALBOX_KEY_PREFIX and SIGNALBOX_CHANNEL_PREFIX. " +
        "Takes the address of Redis from REDIS_URL. Changes nothing.",
    )
    .action((_flags: unknown, command: Command) => {
      const made = makeUsers(process.env);
      show(command, made, () => linesOf(made));
    });
}

/** @throws UsageError where a prefix or REDIS_URL cannot be one */
export function makeUsers(env: Readonly<Record<string, string | undefined>>): MadeUsers {
  const address = URL.parse(env["REDIS_URL"] ?? "redis://127.0.0.1:6379");
  if (address === null || !/^rediss?:$/.test(address.protocol))
    throw new UsageError("expected REDIS_URL to begin with redis:// or rediss://");
  const naming = namingOf(env);
  const { admin, file, ...made } = makeRedisUsers(naming);
  const withUrl = (user: RedisUser) => ({ ...user, url: urlAs(address.href, user) });
  const rules = (role: AclRole) => aclRules(naming, role).join(" ");
  return {
    ...{ file, admin },
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
  return `# The file that aclfile in redis.conf names: digests alone, no password.
${file}
# For the gateway in front of Redis, which the function asks:
REDIS_URL=${users.function.url}

# For every subscriber, and each producer:
REDIS_URL=${users.subscriber.url}

# For whoever runs the server, as user ${admin.name}:
REDISCLI_AUTH=${admin.password}`;
}
