/** What a caller may ask for: the schemas of a job and of a batch, and how they become a job. */
import * as z from "zod";
import { SignalboxError } from "../protocol/error.ts";
import type { JobSpec } from "../protocol/job.ts";
import type { Json } from "../protocol/json.ts";
import {
  defaultQueue,
  jobIdPattern,
  jobNamePattern,
  nodeNamePattern,
  queueNamePattern,
} from "../protocol/names.ts";
import { objectError } from "./validation.ts";

export const jobName = z
  .string("expected a job name")
  .regex(jobNamePattern, "expected a job name: 1 to 64 of A-Z a-z 0-9 . _ : -");
export const nodeName = z
  .string("expected a node name")
  .regex(nodeNamePattern, "expected a node name: 1 to 64 of A-Z a-z 0-9 . _ -");
export const queueName = z
  .string("expected a queue name")
  .regex(queueNamePattern, "expected a queue name: 1 to 64 of A-Z a-z 0-9 . _ -");
/** `.` and `..` are job ids elsewhere, but no URL can name them. */
export const jobId = z
  .string("expected a job id")
  .regex(jobIdPattern, "expected a job id: 1 to 128 of A-Z a-z 0-9 . _ : @ ~ + = -")
  .refine((id) => id !== "." && id !== "..", "expected a job id other than . and ..");

function whole(what: string, max: number) {
  const message = `expected ${what}: a whole number from 1 to ${max}`;
  return z.int(message).min(1, message).max(max, message);
}

/** Body of `POST /v1/jobs`. */
export const jobRequest = z.strictObject(
  {
    name: jobName,
    payload: z.unknown().exactOptional(),
    id: jobId.exactOptional(),
    node: nodeName.exactOptional(),
    queue: queueName.exactOptional(),
    attempts: whole("attempts", 100).exactOptional(),
    timeoutMs: whole("timeoutMs", 86_400_000).exactOptional(),
  },
  { error: objectError("a job with name, payload?, id?, node?, queue?, attempts?, timeoutMs?") },
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
 * The job that is asked for, with its defaults.
 * @throws SignalboxError `payload_too_large`
 */
export function toSpec(
  request: JobRequest,
  { newId, maxPayloadBytes }: { readonly newId: () => string; readonly maxPayloadBytes: number },
): JobSpec {
  const { id = newId(), name, queue = defaultQueue, payload, ...rest } = request;
  if (payload === undefined) return { id, name, queue, ...rest };
  const bytes = utf8Bytes(JSON.stringify(payload), maxPayloadBytes);
  if (bytes > maxPayloadBytes) {
    throw new SignalboxError(
      "payload_too_large",
      `expected a payload of at most ${maxPayloadBytes} bytes of JSON, got ${bytes} for job ${id}; ` +
        "put large data where the handler can fetch it, and its address into the payload",
    );
  }
  // The request was parsed from JSON, so the payload is JSON.
  return { id, name, queue, ...rest, payload: payload as Json };
}

/** Exact only where it may exceed `limit`: three bytes are the most that a UTF-16 unit can take. */
function utf8Bytes(text: string, limit: number): number {
  return text.length * 3 <= limit ? text.length : new TextEncoder().encode(text).byteLength;
}
