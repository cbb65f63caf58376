/**
 * The users that every test server has besides `default`: function and subscriber with the documented rights, so that
 * a missing right fails the tests.
 */
import { Redis } from "ioredis";
import { type AclRole, aclRoles, aclRules } from "../../protocol/redis/acl.ts";
import { defaultNaming, type Naming } from "../../protocol/redis/keys.ts";

const password = "test-password";

/** The file of users for the server's setting `aclfile`; `default` needs no password and may do everything. */
export function usersFile(): string {
  const lines = aclRoles.map(
    (role) => `user ${role} ${aclRules(defaultNaming, role).join(" ")} >${password}`,
  );
  return ["user default on nopass ~* &* +@all", ...lines, ""].join("\n");
}

/** The server at `url` as the user of `role`, whose rights are for the default names. */
export function urlAs(url: string, role: AclRole): string {
  const as = new URL(url);
  as.username = role;
  as.password = password;
  return as.href;
}

/** Like `urlAs`, but makes the user first, with rights for `naming`. A restart of the server loses it. */
export async function urlFor(url: string, role: AclRole, naming: Naming): Promise<string> {
  const name = `${role}-${naming.keyPrefix}`;
  const admin = new Redis(url);
  await admin.call("ACL", "SETUSER", name, ...aclRules(naming, role), `>${password}`);
  admin.disconnect();
  const as = new URL(urlAs(url, role));
  as.username = name;
  return as.href;
}
