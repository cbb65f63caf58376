/** What the routes of jobs answer. The compiler holds each schema to the type of the view that it describes. */
import * as z from "zod";
import { jobStates, terminalStates } from "../../protocol/wire/job.ts";
import type { Json } from "../../protocol/wire/json.ts";
import type { EarlierError, FailedLine, JobLine, JobView, Receipt, RunView } from "./view.ts";

/** Any JSON. */
export const json = z.unknown() as unknown as z.ZodType<Json>;
/** ISO 8601 in UTC. */
export const instant = z.iso.datetime();
const whole = z.int().min(0);
/** Where to go on; null at the end. */
export const nextCursor = z.string().nullable();

const failure = z
  .looseObject({ code: z.string(), message: z.string(), retryable: z.boolean() })
  .meta({ id: "Failure", description: "Why an attempt failed." });

const lineShape = {
  id: z.string(),
  name: z.string(),
  queue: z.string(),
  state: z.enum(jobStates),
  node: z
    .string()
    .nullable()
    .describe("Where it runs or ran last, or the only node that may run it"),
  retries: whole.describe("Attempts that ended without ending the job"),
  deliveries: whole.describe("How often a node was sent it"),
  acceptedAt: instant,
  finishedAt: instant.exactOptional(),
  expiresAt: instant.exactOptional().describe("By when it must have been started"),
};
const jobLine = z.object(lineShape).meta({ id: "JobLine" }) satisfies z.ZodType<JobLine>;
const failedLine = z
  .object({ ...lineShape, error: failure.exactOptional() })
  .meta({ id: "FailedJob" }) satisfies z.ZodType<FailedLine>;

const earlierError = z.object({
  attempt: whole,
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
  .meta({ id: "RefusedJob" });
export const receipts = z
  .object({ jobs: z.array(z.union([receipt, refusedJob])) })
  .meta({ id: "Receipts" });

export const jobPage = z
  .object({ jobs: z.array(jobLine), cursor: nextCursor })
  .meta({ id: "JobPage" });
export const failedPage = z
  .object({ jobs: z.array(failedLine), cursor: nextCursor })
  .meta({ id: "FailedPage" });

export const cancelled = z
  .object({
    id: z.string(),
    queue: z.string(),
    outcome: z.enum(["cancelled", "stopping", "ended"]),
    state: z.enum(["running", ...terminalStates]),
  })
  .meta({ id: "Cancelled" });

export const resent = z
  .object({
    id: z.string(),
    queue: z.string(),
    resent: z.boolean(),
    state: z.enum(jobStates).exactOptional(),
  })
  .meta({ id: "Resent" });

const skipped = z.array(z.object({ id: z.string(), reason: z.enum(["unknown", "not_failed"]) }));
export const manyResent = z
  .object({ resent: z.array(z.string()), skipped, cursor: nextCursor })
  .meta({ id: "ManyResent" });
export const manyDeleted = z
  .object({ deleted: z.array(z.string()), skipped, cursor: nextCursor })
  .meta({ id: "ManyDeleted" });
