/**
 * Schemas of single fields: names, ids, whole numbers, times, and what an object says of unknown fields. Requests,
 * job options and tokens are built from them, so that one thing is refused with one text everywhere.
 *
 * Loads zod: only the function imports this at run time; the client and the subscriber import its types at most.
 */
import * as z from "zod";
import { jobIdPattern, jobNamePattern, nodeNamePattern, queueNamePattern } from "./names.ts";

export const jobName = z
  .string("expected a job name")
  .regex(jobNamePattern, "expected a job name: 1 to 64 of A-Z a-z 0-9 . _ : -, other than -");
export const nodeName = z
  .string("expected a node name")
  .regex(nodeNamePattern, "expected a node name: 1 to 64 of A-Z a-z 0-9 . _ -, other than -");
export const queueName = z
  .string("expected a queue name")
  .regex(queueNamePattern, "expected a queue name: 1 to 64 of A-Z a-z 0-9 . _ -");
/** `.` and `..` are job ids elsewhere, but no URL can name them. */
export const jobId = z
  .string("expected a job id")
  .regex(jobIdPattern, "expected a job id: 1 to 128 of A-Z a-z 0-9 . _ : @ ~ + = - and not - alone")
  .refine((id) => id !== "." && id !== "..", "expected a job id other than . and ..");

/** A whole number from 1 to `max`. */
export function whole(what: string, max: number) {
  return wholeFrom(1, what, max);
}

/** A whole number from `min` to `max`. */
export function wholeFrom(min: number, what: string, max: number) {
  const message = `expected ${what}: a whole number from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
}

/** The longest delay, window or time to live: 366 days, in milliseconds. */
export const longestMs = 31_622_400_000;

/**
 * The years 1973 to 9999, in milliseconds since 1970. Seconds and microseconds of this century are outside. The past is
 * allowed: the same request must be accepted again later.
 */
const earliestMs = 100_000_000_000;
const latestMs = 253_402_300_799_999;

/** Milliseconds since 1970, or RFC 3339 with its zone; the output is milliseconds. */
export function time(what: string) {
  const message =
    `expected ${what}: RFC 3339 with a zone, such as 2027-01-31T09:00:00+01:00, ` +
    "or milliseconds since 1970 (not seconds), in the years 1973 to 9999";
  return z
    .union(
      [z.int(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))],
      message,
    )
    .refine((ms) => ms >= earliestMs && ms <= latestMs, message);
}

/** The error of a strict object: what it expects where something else came, and which fields it does not know. */
export function objectError(what: string) {
  return (issue: { readonly code?: string | undefined; readonly keys?: unknown }) => {
    if (issue.code === "invalid_type") return `expected ${what}`;
    if (issue.code !== "unrecognized_keys" || !Array.isArray(issue.keys)) return undefined;
    return `expected ${what}; got also ${quoted(issue.keys.map(String))}`;
  };
}

/** How many names, and how much of each, an error repeats: a request must not be answered with all that it held. */
const maxQuoted = 5;
const maxQuotedLength = 64;

/** Names that came where others were expected, in quotes: the first few, cut where they are long. */
export function quoted(names: readonly string[]): string {
  const some = names.slice(0, maxQuoted).map((name) => {
    const text = JSON.stringify(name.slice(0, maxQuotedLength));
    return name.length > maxQuotedLength ? `${text}…` : text;
  });
  const more = names.length - some.length;
  return more > 0 ? `${some.join(", ")} and ${more} more` : some.join(", ");
}
