/** Encodes replies of Redis as the JSON of the Upstash API. */
import type { Outcome, Reply } from "./redis.ts";

/** How strings are sent: as UTF-8 text, or as base64, which loses no byte. */
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
 * "OK" is not encoded when it is the whole result: the official client leaves exactly that one alone,
 * but decodes an "OK" inside an array.
 */
function topLevel(reply: Reply, encoding: Encoding): string {
  const isOk = Buffer.isBuffer(reply) && reply.toString() === "OK";
  return replyJson(reply, isOk ? "text" : encoding);
}

/** Writes integers from their digits, because 64 bits do not fit a JavaScript number. */
function replyJson(reply: Reply, encoding: Encoding): string {
  if (reply === null) return "null";
  if (typeof reply === "string") return reply;
  if (Array.isArray(reply)) return `[${reply.map((item) => replyJson(item, encoding)).join(",")}]`;
  const bytes = Buffer.isBuffer(reply) ? reply : Buffer.from(reply.message);
  return JSON.stringify(bytes.toString(encoding === "text" ? "utf8" : "base64"));
}
