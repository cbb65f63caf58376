/** Encodes replies of Redis as the bytes that a TCP client would read. */
import type { Command } from "./command.ts";
import type { Outcome, Reply } from "./redis.ts";

/**
 * ioredis does not show whether a string was a status or a value, which RESP2 distinguishes. These
 * commands answer with a status; an OK of any other command is sent as a value, which every client
 * reads as the same string.
 */
const STATUS_COMMANDS = new Set(
  (
    "SET SETEX PSETEX MSET HMSET LSET LTRIM RENAME RESTORE PFMERGE XGROUP XSETID FLUSHALL FLUSHDB " +
    "SCRIPT CONFIG ACL PING TYPE JSON.SET JSON.MSET JSON.MERGE"
  ).split(" "),
);

/** Nor does it show whether null stood for a string or for an array. These commands answer with an array, or null for one. */
const ARRAY_COMMANDS = new Set("XREAD XREADGROUP LMPOP ZMPOP".split(" "));
/** These answer with a list in which each item is an array, or null for one. */
const ARRAY_LIST_COMMANDS = new Set(["GEOPOS"]);

const NULL_ARRAY = Buffer.from("*-1\r\n");

function isNullArray({ name, args }: Command): boolean {
  if (name === "LPOP" || name === "RPOP") return args.length > 1;
  if (name === "ZRANK" || name === "ZREVRANK") return args.length > 2;
  return ARRAY_COMMANDS.has(name);
}

export function outcomeResp2(outcome: Outcome, command: Command): Buffer {
  if ("error" in outcome) return simple("-", outcome.error);
  const { reply } = outcome;
  if (reply === null && isNullArray(command)) return NULL_ARRAY;
  if (Array.isArray(reply) && ARRAY_LIST_COMMANDS.has(command.name)) {
    const items = reply.map((item) => (item === null ? NULL_ARRAY : replyResp2(item)));
    return Buffer.concat([simple("*", String(reply.length)), ...items]);
  }
  const status = statusOf(reply, command);
  return status === undefined ? replyResp2(reply) : simple("+", status);
}

/** The text of a reply that is a status. */
function statusOf(reply: Reply, { name, args }: Command): string | undefined {
  if (!STATUS_COMMANDS.has(name) || (name === "PING" && args.length > 0)) return undefined;
  const text = Buffer.isBuffer(reply) && reply.length < 32 ? reply.toString() : "";
  const looksLikeStatus = name === "TYPE" || text === "OK" || text === "PONG";
  return looksLikeStatus && text !== "" ? text : undefined;
}

function replyResp2(reply: Reply): Buffer {
  if (reply === null) return Buffer.from("$-1\r\n");
  if (typeof reply === "string") return simple(":", reply);
  if (Buffer.isBuffer(reply)) {
    return Buffer.concat([simple("$", String(reply.length)), reply, Buffer.from("\r\n")]);
  }
  if (Array.isArray(reply)) {
    return Buffer.concat([simple("*", String(reply.length)), ...reply.map(replyResp2)]);
  }
  return simple("-", reply.message);
}

/** A line break would end the reply early. */
function simple(type: string, text: string): Buffer {
  return Buffer.from(`${type}${text.replace(/[\r\n]+/g, " ")}\r\n`);
}
