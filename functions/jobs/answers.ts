/**
 * Schemas of what the routes of jobs answer; the compiler holds each to its type in `protocol/api/jobs.ts`. Apart from the
 * contract, since the failed set shows jobs as well.
 */
import * as z from "zod";
import type {
  Cancelled,
  EarlierError,
  JobLine,
  JobPage,
  JobView,
  Receipt,
  Receipts,
  Refusal,
  Resent,
  RunView,
} from "../../protocol/api/jobs.ts";
import { jobStates, terminalStates } from "../../protocol/wire/job.ts";
import type { Failure } from "../../protocol/wire/messages.ts";
import { count, instant, json, nextCursor } from "../http/answer-fields.ts";

export const failure = z
  .looseObject({ code: z.string(), message: z.string(), retryable: z.boolean() })
  .meta({ id: "Failure", description: "Why an attempt failed." }) satisfies z.ZodType<Failure>;

/** The fields of a job in a list. */
export const lineShape = {
  id: z.string(),
  name: z.string(),
  queue: z.string(),
  state: z.enum(jobStates),
  node: z
    .string()
    .nullable()
    .describe("Where it runs or ran last, or the only node that may run it"),
  retries: count.describe("Attempts that ended without ending the job"),
  deliveries: count.describe("How often a node was sent it"),
  acceptedAt: instant,
  finishedAt: instant.exactOptional(),
  expiresAt: instant.exactOptional().describe("By when it must have been started"),
};
const jobLine = z.object(lineShape).meta({ id: "JobLine" }) satisfies z.ZodType<JobLine>;
const earlierError = z.object({
  attempt: count,
  node: z.string(),
  at: instant,
  error: failure,
}) satisfies z.ZodType<EarlierError>;

const run = z.object({
  id: z.string(),
  scheduledAt: instant,
  late: z.boolean(),
  backfilled: z.boolean(),
  manual: z.boolean(),
}) satisfies z.ZodType<RunView>;

export const job = z
  .object({
    ...lineShape,
    recorded: z.boolean().describe("Whether the function has taken the result in"),
    payload: json.exactOptional(),
    schedule: run.exactOptional(),
    result: json.exactOptional(),
    error: failure.exactOptional(),
    durationMs: z.number().exactOptional(),
    errors: z.array(earlierError).max(10).exactOptional().describe("Latest first"),
  })
  .meta({ id: "Job" }) satisfies z.ZodType<JobView>;

export const receipt = z
  .object({
    id: z.string(),
    state: z.enum(jobStates),
    node: z.string().nullable(),
    delivered: z.boolean().describe("Whether a node has been sent it"),
    queue: z.string(),
    duplicate: z.boolean(),
    deduplicated: z.string().exactOptional(),
  })
  .meta({ id: "Receipt" }) satisfies z.ZodType<Receipt>;

const refusedJob = z
  .object({
    id: z.string(),
    error: z.object({ code: z.enum(["id_conflict", "key_held"]), detail: z.string() }),
  })
  .meta({ id: "RefusedJob" }) satisfies z.ZodType<Refusal>;
export const receipts = z
  .object({ jobs: z.array(z.union([receipt, refusedJob])) })
  .meta({ id: "Receipts" }) satisfies z.ZodType<Receipts>;

export const jobPage = z
  .object({ jobs: z.array(jobLine), cursor: nextCursor })
  .meta({ id: "JobPage" }) satisfies z.ZodType<JobPage>;
export const cancelled = z
  .object({
    id: z.string(),
    queue: z.string(),
    outcome: z.enum(["cancelled", "stopping", "ended"]),
    state: z.enum(["running", ...terminalStates]),
  })
  .meta({ id: "Cancelled" }) satisfies z.ZodType<Cancelled>;

export const resent = z
  .object({
    id: z.string(),
    queue: z.string(),
    resent: z.boolean(),
    state: z.enum(jobStates).exactOptional(),
  })
  .meta({ id: "Resent" }) satisfies z.ZodType<Resent>;
