/** Replies of Redis as the JSON that Upstash answers with. */
import type { Outcome, Reply } from "./redis.ts";

/** How strings are sent: as UTF-8 text, or so that no byte is lost. */
export type Encoding = "text" | "base64";

/** `{"result":…}` or `{"error":…}`. */
export function outcomeJson(outcome: Outcome, encoding: Encoding): string {
  if ("error" in outcome) return errorJson(outcome.error);
  return `{"result":${topLevel(outcome.reply, encoding)}}`;
}

export function errorJson(message: string): string {
  return JSON.stringify({ error: message });
}

/**
 * "OK" goes out as it is, but only when it is the whole result: the official client leaves exactly
 * that one alone and decodes an "OK" it finds in an array.
 */
function topLevel(reply: Reply, encoding: Encoding): string {
  const isOk = Buffer.isBuffer(reply) && reply.toString() === "OK";
  return replyJson(reply, isOk ? "text" : encoding);
}

/** Integers are written digit by digit, because 64 bits do not fit a JavaScript number. */
function replyJson(reply: Reply, encoding: Encoding): string {
  if (reply === null) return "null";
  if (typeof reply === "string") return reply;
  if (Array.isArray(reply)) return `[${reply.map((item) => replyJson(item, encoding)).join(",")}]`;
  const bytes = Buffer.isBuffer(reply) ? reply : Buffer.from(reply.message);
  return JSON.stringify(bytes.toString(encoding === "text" ? "utf8" : "base64"));
}
