/** The routes of the failed set. */
import * as z from "zod";
import type {
  FailedLine,
  FailedPage,
  ManyDeleted,
  ManyResent,
  SkippedJob,
} from "../../protocol/api/failed.ts";
import { nextCursor } from "../http/answer-fields.ts";
import { bodyErrors, type Operation } from "../http/operation.ts";
import { failure, lineShape } from "../jobs/answers.ts";
import { failedQuery, failedSelection } from "./request.ts";

const failedLine = z
  .object({ ...lineShape, error: failure.exactOptional() })
  .meta({ id: "FailedJob" }) satisfies z.ZodType<FailedLine>;
const failedPage = z
  .object({ jobs: z.array(failedLine), cursor: nextCursor })
  .meta({ id: "FailedPage" }) satisfies z.ZodType<FailedPage>;

const skippedJob = z.object({
  id: z.string(),
  reason: z.enum(["unknown", "not_failed"]),
}) satisfies z.ZodType<SkippedJob>;
const skipped = z.array(skippedJob);
const manyResent = z
  .object({ resent: z.array(z.string()), skipped, cursor: nextCursor })
  .meta({ id: "ManyResent" }) satisfies z.ZodType<ManyResent>;
const manyDeleted = z
  .object({ deleted: z.array(z.string()), skipped, cursor: nextCursor })
  .meta({ id: "ManyDeleted" }) satisfies z.ZodType<ManyDeleted>;

export const failedOperations = {
  listFailed: {
    method: "GET",
    path: "/v1/failed",
    tag: "failed",
    access: "read",
    summary: "List what failed for good, latest first",
    query: failedQuery,
    answers: { 200: { description: "A page of failed jobs", schema: failedPage } },
    errors: [],
  },
  resendFailed: {
    method: "POST",
    path: "/v1/failed/resend",
    tag: "failed",
    access: "manage",
    summary: "Send failed jobs again: those given, or all that match",
    countsJobs: true,
    body: failedSelection,
    answers: { 202: { description: "Which were sent again", schema: manyResent } },
    errors: bodyErrors,
  },
  deleteFailed: {
    method: "POST",
    path: "/v1/failed/delete",
    tag: "failed",
    access: "manage",
    summary: "Delete failed jobs: those given, or all that match",
    body: failedSelection,
    answers: { 202: { description: "Which were deleted", schema: manyDeleted } },
    errors: bodyErrors,
  },
} as const satisfies Readonly<Record<string, Operation>>;
