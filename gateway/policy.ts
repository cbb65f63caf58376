/**
 * Decides which commands the gateway refuses, and why. All requests share one connection, so a
 * command that blocks it or changes its state would affect every other caller; and a token that may
 * travel in a URL must not be enough to stop or take over the server.
 */
import type { Command } from "./command.ts";

const BLOCKS = "it would block the connection that all requests share";
const STATE = "it changes the state of the connection that all requests share";
const TRANSACTION = "send the commands of a transaction to /multi-exec";
const STREAM = "use /subscribe/<channel> or /psubscribe/<pattern>";
const SERVER = "it is for the operator of the server; connect to Redis itself";
const SETTINGS = "only notify-keyspace-events can be read or changed";

/** Subcommands that read no secret and change no user. */
const ACL_ACTIONS = new Set(["CAT", "DRYRUN", "GENPASS", "HELP", "USERS", "WHOAMI"]);

type Rule = string | ((args: readonly string[]) => string | undefined);

const RULES = new Map<string, Rule>([
  ...rows(BLOCKS, "BLPOP BRPOP BRPOPLPUSH BLMOVE BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF"),
  ["XREAD", (args) => (asksToBlock(args) ? `with BLOCK ${BLOCKS}` : undefined)],
  ["XREADGROUP", (args) => (asksToBlock(args) ? `with BLOCK ${BLOCKS}` : undefined)],
  ...rows(STATE, "AUTH HELLO SELECT RESET QUIT CLIENT READONLY READWRITE ASKING"),
  ["SCRIPT", ([action]) => (action?.toUpperCase() === "DEBUG" ? STATE : undefined)],
  ...rows(TRANSACTION, "MULTI EXEC DISCARD WATCH UNWATCH"),
  ...rows(STREAM, "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE"),
  ...rows(SERVER, "MONITOR SYNC PSYNC REPLCONF REPLICAOF SLAVEOF FAILOVER CLUSTER MIGRATE"),
  ...rows(SERVER, "SHUTDOWN DEBUG MODULE SAVE BGSAVE BGREWRITEAOF SWAPDB"),
  ["ACL", ([action]) => (ACL_ACTIONS.has(action?.toUpperCase() ?? "") ? undefined : SERVER)],
  ["CONFIG", (args) => (isKeyspaceSetting(args) ? undefined : SETTINGS)],
]);

/** Returns why a command is refused, or undefined if it is allowed. The message begins as that of Upstash. */
export function refusalOf({ name, args }: Command): string | undefined {
  const rule = RULES.get(name);
  const reason = typeof rule === "function" ? rule(args.map(String)) : rule;
  if (reason === undefined) return undefined;
  return `ERR Command "${name}" is not allowed in REST or it has a special context path: ${reason}`;
}

function rows(reason: string, names: string): [string, string][] {
  return names.split(" ").map((name) => [name, reason]);
}

/** Only options before STREAMS count, because a group or a consumer may be named "block". */
function asksToBlock(args: readonly string[]): boolean {
  for (let at = 0; at < args.length;) {
    const option = args[at]?.toUpperCase();
    if (option === "BLOCK") return true;
    if (option === "STREAMS") return false;
    at += option === "GROUP" ? 3 : option === "COUNT" ? 2 : 1;
  }
  return false;
}

/** The one parameter that Upstash allows, `CONFIG GET x` or `CONFIG SET x value`. */
function isKeyspaceSetting(args: readonly string[]): boolean {
  const [action, parameter] = args.map((arg) => arg.toLowerCase());
  const length = { get: 2, set: 3 }[action ?? ""];
  return parameter === "notify-keyspace-events" && args.length === length;
}
