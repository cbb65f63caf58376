/** What a caller may ask for: the schemas of a job and of a batch, and how they become a job. */
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import type { JobSpec, StartTime } from "../../protocol/wire/job.ts";
import { canonicalJson, type Json } from "../../protocol/wire/json.ts";
import {
  defaultQueue,
  jobIdPattern,
  jobNamePattern,
  nodeNamePattern,
  queueNamePattern,
} from "../../protocol/wire/names.ts";
import { objectError } from "../http/validation.ts";

export const jobName = z
  .string("expected a job name")
  .regex(jobNamePattern, "expected a job name: 1 to 64 of A-Z a-z 0-9 . _ : - and not - alone");
export const nodeName = z
  .string("expected a node name")
  .regex(nodeNamePattern, "expected a node name: 1 to 64 of A-Z a-z 0-9 . _ - and not - alone");
export const queueName = z
  .string("expected a queue name")
  .regex(queueNamePattern, "expected a queue name: 1 to 64 of A-Z a-z 0-9 . _ -");
/** `.` and `..` are job ids elsewhere, but no URL can name them. */
export const jobId = z
  .string("expected a job id")
  .regex(jobIdPattern, "expected a job id: 1 to 128 of A-Z a-z 0-9 . _ : @ ~ + = -")
  .refine((id) => id !== "." && id !== "..", "expected a job id other than . and ..");

/** The id of a run: whoever had it first would have the run left out. */
const runId = /@\d{10,16}\+?$/;

export function whole(what: string, max: number) {
  const message = `expected ${what}: a whole number from 1 to ${max}`;
  return z.int(message).min(1, message).max(max, message);
}

/** The longest delay, window or time to live: 366 days, in milliseconds. */
export const longestMs = 31_622_400_000;
/** The longest wait between attempts: 7 days, in milliseconds. */
const longestBackoffMs = 604_800_000;

/**
 * The years 1973 to 9999, in milliseconds since 1970. Whoever means this century and sends seconds, or
 * microseconds, is outside. The past is allowed: the same request must be accepted again later.
 */
const earliestMs = 100_000_000_000;
const latestMs = 253_402_300_799_999;

/** Milliseconds since 1970, or RFC 3339 with its zone. */
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

const wholeJitter = "expected jitter: a number from 0 to 1";
const jitter = z.number(wholeJitter).min(0, wholeJitter).max(1, wholeJitter).exactOptional();
const wholeDelays = "expected delaysMs: an array of 1 to 100 delays";
const backoffForms =
  'backoff: {"kind":"fixed","delayMs"}, {"kind":"exponential","delayMs","capMs"?} or ' +
  '{"kind":"list","delaysMs"}, each with "jitter"?';
const backoffError = { error: objectError(backoffForms) };
export const backoff = z.discriminatedUnion(
  "kind",
  [
    z.strictObject(
      { kind: z.literal("fixed"), delayMs: whole("delayMs", longestBackoffMs), jitter },
      backoffError,
    ),
    z.strictObject(
      {
        kind: z.literal("exponential"),
        delayMs: whole("delayMs", longestBackoffMs),
        capMs: whole("capMs", longestBackoffMs).exactOptional(),
        jitter,
      },
      backoffError,
    ),
    z.strictObject(
      {
        kind: z.literal("list"),
        delaysMs: z
          .array(whole("delaysMs", longestBackoffMs), wholeDelays)
          .min(1, wholeDelays)
          .max(100, wholeDelays),
        jitter,
      },
      backoffError,
    ),
  ],
  `expected ${backoffForms}`,
);

const oneLine = "expected a key of 1 to 256 characters on one line";

/** Without `key` the content is the key: name and payload, whatever the order of its keys. */
const dedupe = z.strictObject(
  {
    // A half of a surrogate pair has no UTF-8: keys that differ in it alone would be the same.
    key: z
      .string(oneLine)
      .regex(/^[^\n\r]{1,256}$/, oneLine)
      .refine((key) => key.isWellFormed(), oneLine)
      .exactOptional(),
    windowMs: whole("windowMs", longestMs),
    mode: z
      .enum(
        ["reject", "return", "replace", "debounce"],
        "expected mode: reject, return, replace or debounce",
      )
      .default("return"),
  },
  { error: objectError("dedupe with windowMs, key?, mode?") },
);

/**
 * Whether all numbers of a JSON value are finite. 1e400 is valid JSON, is read as infinity, and would be
 * written as null: another payload than the one that was accepted.
 */
function hasFiniteNumbers(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return Array.isArray(value)
    ? value.every(hasFiniteNumbers)
    : Object.values(value).every(hasFiniteNumbers);
}

/** Body of `POST /v1/jobs`. */
export const jobRequest = z
  .strictObject(
    {
      name: jobName,
      payload: z
        .unknown()
        .refine(hasFiniteNumbers, "expected numbers of at most about 1.8e308 in the payload")
        .exactOptional(),
      id: jobId
        .refine(
          (id) => !runId.test(id),
          "expected an id other than those of schedules' runs, <id>@<ms>",
        )
        .exactOptional(),
      node: nodeName.exactOptional(),
      queue: queueName.exactOptional(),
      attempts: whole("attempts", 100).exactOptional(),
      timeoutMs: whole("timeoutMs", 86_400_000).exactOptional(),
      backoff: backoff.exactOptional(),
      delayMs: whole("delayMs", longestMs).exactOptional(),
      runAt: time("runAt").exactOptional(),
      ttlMs: whole("ttlMs", longestMs).exactOptional(),
      expiresAt: time("expiresAt").exactOptional(),
      dedupe: dedupe.exactOptional(),
    },
    {
      error: objectError(
        "a job with name, payload?, id?, node?, queue?, attempts?, backoff?, timeoutMs?, " +
          "delayMs? or runAt?, ttlMs? or expiresAt?, dedupe?",
      ),
    },
  )
  .refine(
    (job) => job.delayMs === undefined || job.runAt === undefined,
    "expected delayMs or runAt, not both",
  )
  .refine(
    (job) => job.ttlMs === undefined || job.expiresAt === undefined,
    "expected ttlMs or expiresAt, not both",
  );
export type JobRequest = z.output<typeof jobRequest>;

/** How many jobs a batch may hold, and how many queues they may be for: each costs a script call. */
export const maxBatchJobs = 1_000;
export const maxBatchQueues = 32;

/** Body of `POST /v1/jobs/batch`. */
export const batchRequest = z.strictObject(
  {
    jobs: z
      .array(jobRequest, `expected an array of 1 to ${maxBatchJobs} jobs`)
      .min(1, `expected 1 to ${maxBatchJobs} jobs`)
      .max(maxBatchJobs, `expected 1 to ${maxBatchJobs} jobs`)
      .refine(
        (jobs) => new Set(jobs.map((job) => job.queue)).size <= maxBatchQueues,
        `expected jobs for at most ${maxBatchQueues} different queues`,
      ),
  },
  { error: objectError("an object with jobs") },
);

/**
 * The job that is asked for, with its defaults. `start`, `deadline` and `dedupe` say when and whether it is
 * accepted, not what it is: they are no part of the content that a repeated `id` must have again. So a
 * caller may compute `runAt` or `ttlMs` anew for each try; the first one that arrived counts.
 * @throws SignalboxError `payload_too_large`
 */
export async function toSpec(
  request: JobRequest,
  { newId, maxPayloadBytes }: { readonly newId: () => string; readonly maxPayloadBytes: number },
): Promise<JobSpec> {
  const {
    id = newId(),
    queue = defaultQueue,
    payload,
    delayMs,
    runAt,
    ttlMs,
    expiresAt,
    ...others
  } = request;
  const { dedupe: wanted, ...rest } = others;
  const text = payload === undefined ? "" : JSON.stringify(payload);
  const bytes = utf8Bytes(text, maxPayloadBytes);
  if (bytes > maxPayloadBytes) {
    throw new SignalboxError(
      "payload_too_large",
      `expected a payload of at most ${maxPayloadBytes} bytes of JSON, got ${bytes} for job ${id}; ` +
        "put large data where the handler can fetch it, and its address into the payload",
    );
  }
  const start = moment(delayMs, runAt);
  const deadline = moment(ttlMs, expiresAt);
  return {
    id,
    queue,
    ...rest,
    // The request was parsed from JSON, so the payload is JSON.
    ...(payload === undefined ? {} : { payload: payload as Json }),
    ...(start === undefined ? {} : { start }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(wanted === undefined ? {} : { dedupe: { ...wanted, key: await dedupeKey(request) } }),
  };
}

function moment(inMs: number | undefined, atMs: number | undefined): StartTime | undefined {
  if (inMs !== undefined) return { inMs };
  return atMs === undefined ? undefined : { atMs };
}

/** The caller's own key, or a fingerprint of name and payload. */
async function dedupeKey({ dedupe: wanted, name, payload }: JobRequest): Promise<string> {
  if (wanted?.key !== undefined) return `key:${wanted.key}`;
  const text = `${name} ${payload === undefined ? "" : canonicalJson(payload as Json)}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `content:${[...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Exact only where it may exceed `limit`: three bytes are the most that a UTF-16 unit can take. */
export function utf8Bytes(text: string, limit: number): number {
  return text.length * 3 <= limit ? text.length : new TextEncoder().encode(text).byteLength;
}
