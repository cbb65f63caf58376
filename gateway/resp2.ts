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

export function outcomeResp2(outcome: Outcome, { name, args }: Command): Buffer {
  if ("error" in outcome) return simple("-", outcome.error);
  const { reply } = outcome;
  const isStatus = STATUS_COMMANDS.has(name) && !(name === "PING" && args.length > 0);
  const text = Buffer.isBuffer(reply) && reply.length < 32 ? reply.toString() : "";
  const looksLikeStatus = name === "TYPE" || text === "OK" || text === "PONG";
  return isStatus && looksLikeStatus && text !== "" ? simple("+", text) : replyResp2(reply);
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
