/** What a caller may ask of jobs: bodies and queries, and how a request becomes a job. */
import * as z from "zod";
import { jobName, objectError, queueName } from "../../protocol/wire/fields.ts";
import { type JobSpec, jobStates, type StartTime } from "../../protocol/wire/job.ts";
import { alternatives, jobOptions, optionNames } from "../../protocol/wire/job-options.ts";
import { canonicalJson, type Json } from "../../protocol/wire/json.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import { pageLimit } from "../http/page-limit.ts";
import { payloadTooLarge, utf8Bytes } from "../http/payload.ts";

/** Query of `GET /v1/jobs`. */
export const listJobsQuery = z.strictObject(
  {
    state: z.enum(jobStates, `expected one of ${jobStates.join(", ")}`).exactOptional(),
    queue: queueName.exactOptional(),
    name: jobName.exactOptional(),
    cursor: z.string().exactOptional(),
    limit: pageLimit,
  },
  { error: objectError("a query of state, queue, name, cursor and limit") },
);

const wholeWait = "expected a number of seconds from 0 to 25";
/** Query of `GET /v1/jobs/:id`. */
export const readJobQuery = z.strictObject(
  {
    queue: queueName.exactOptional(),
    wait: z
      .string()
      .regex(/^\d{1,2}(\.\d{1,3})?$/, wholeWait)
      .transform(Number)
      .refine((seconds) => seconds <= 25, wholeWait)
      .default(0)
      .meta({ type: "number", minimum: 0, maximum: 25, pattern: undefined }),
  },
  { error: objectError("a query of queue and wait") },
);

/** Query of every other route of one job. */
export const jobQuery = z.strictObject(
  { queue: queueName.exactOptional() },
  { error: objectError("a query of queue") },
);

/** Body of `POST /v1/jobs`. */
export const jobRequest = z
  .strictObject(
    {
      name: jobName,
      // Any JSON: `readJson` refuses numbers that would not be the same when they are written again.
      payload: z.unknown().exactOptional(),
      ...jobOptions,
    },
    { error: objectError(`a job with name, payload?, ${optionNames(jobOptions)}`) },
  )
  .superRefine((job, context) => {
    for (const [one, other] of alternatives) {
      if (job[one] !== undefined && job[other] !== undefined)
        context.addIssue({ code: "custom", message: `expected ${one} or ${other}, not both` });
    }
  });
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
 * The job that is asked for, with its defaults. `start`, `deadline` and `dedupe` say when and whether it is accepted, not
 * what it is: they are no part of the content that a repeated `id` must have again. So a caller may compute `runAt` or
 * `ttlMs` again for each try; the first one that arrived counts.
 * @throws SignalboxError `payload_too_large`
 */
export async function toSpec(
  request: JobRequest,
  { newId, maxPayloadBytes }: { readonly newId: () => string; readonly maxPayloadBytes: number },
): Promise<JobSpec> {
  const { id = newId(), queue = defaultQueue, payload, dedupe, ...options } = request;
  const { delayMs, runAt, ttlMs, expiresAt, ...rest } = options;
  const text = payload === undefined ? "" : JSON.stringify(payload);
  const bytes = utf8Bytes(text, maxPayloadBytes);
  if (bytes > maxPayloadBytes)
    throw payloadTooLarge(maxPayloadBytes, `of JSON, got ${bytes} for job ${id}`);
  const start = startTime(delayMs, runAt);
  const deadline = startTime(ttlMs, expiresAt);
  return {
    id,
    queue,
    ...rest,
    // The request was parsed from JSON, so the payload is JSON.
    ...(payload === undefined ? {} : { payload: payload as Json }),
    ...(start === undefined ? {} : { start }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(dedupe === undefined ? {} : { dedupe: { ...dedupe, key: await dedupeKey(request) } }),
  };
}

function startTime(inMs: number | undefined, atMs: number | undefined): StartTime | undefined {
  if (inMs !== undefined) return { inMs };
  return atMs === undefined ? undefined : { atMs };
}

/** The caller's own key, or a fingerprint of name and payload. */
async function dedupeKey({ dedupe, name, payload }: JobRequest): Promise<string> {
  if (dedupe?.key !== undefined) return `key:${dedupe.key}`;
  const text = `${name} ${payload === undefined ? "" : canonicalJson(payload as Json)}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `content:${hex.join("")}`;
}
