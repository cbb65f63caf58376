/** The routes of jobs. */
import * as z from "zod";
import { jobId } from "../../protocol/wire/fields.ts";
import { bodyErrors, type Operation } from "../http/operation.ts";
import { cancelled, job, jobPage, receipt, receipts, resent } from "./answers.ts";
import { batchRequest, jobQuery, jobRequest, listJobsQuery, readJobQuery } from "./request.ts";

const one = { tag: "jobs", id: jobId } as const;

export const jobOperations = {
  listJobs: {
    method: "GET",
    path: "/v1/jobs",
    tag: "jobs",
    access: "read",
    summary: "List jobs, newest first",
    description: "A page may hold fewer than `limit`, even none; `cursor` is null only at the end.",
    query: listJobsQuery,
    answers: { 200: { description: "A page of jobs", schema: jobPage } },
    errors: [],
  },
  acceptJob: {
    method: "POST",
    path: "/v1/jobs",
    tag: "jobs",
    access: "dispatch",
    summary: "Dispatch a job",
    description: "The same `id` with the same content again makes no second job.",
    body: jobRequest,
    idempotencyKey: jobId,
    answers: { 202: { description: "Accepted", schema: receipt, headers: ["location"] } },
    errors: [...bodyErrors, "payload_too_large", "id_conflict", "key_held"],
  },
  acceptBatch: {
    method: "POST",
    path: "/v1/jobs/batch",
    tag: "jobs",
    access: "dispatch",
    summary: "Dispatch up to 1,000 jobs",
    description: "In one round trip; a receipt or an error for each, in their order.",
    countsJobs: true,
    body: batchRequest,
    answers: { 202: { description: "An answer for each job", schema: receipts } },
    errors: [...bodyErrors, "payload_too_large"],
  },
  readJob: {
    ...one,
    method: "GET",
    path: "/v1/jobs/:id",
    access: "read",
    summary: "Read a job, or wait for its end",
    description: "With `wait`, answered as soon as the job has ended, or after `wait` seconds.",
    query: readJobQuery,
    hasEtag: true,
    answers: { 200: { description: "The job", schema: job } },
    errors: ["not_found"],
  },
  deleteJob: {
    ...one,
    method: "DELETE",
    path: "/v1/jobs/:id",
    access: "manage",
    summary: "Delete a job that has ended",
    query: jobQuery,
    answers: { 204: { description: "Deleted" } },
    errors: ["not_found", "state_conflict"],
  },
  watchJob: {
    ...one,
    method: "GET",
    path: "/v1/jobs/:id/events",
    access: "read",
    summary: "Watch a job until it has ended",
    description: "Server-sent events. `Last-Event-ID` goes on where an earlier stream broke off.",
    query: jobQuery,
    answers: {
      200: { description: "The stream", type: "text/event-stream", schema: z.string() },
      204: { description: "All has been told already" },
    },
    errors: ["not_found"],
  },
  cancelJob: {
    ...one,
    method: "POST",
    path: "/v1/jobs/:id/cancel",
    access: "manage",
    summary: "Cancel a job",
    query: jobQuery,
    answers: { 200: { description: "What came of it", schema: cancelled } },
    errors: ["not_found"],
  },
  resendJob: {
    ...one,
    method: "POST",
    path: "/v1/jobs/:id/resend",
    access: "manage",
    summary: "Send a job again that failed, expired or was cancelled",
    query: jobQuery,
    answers: { 202: { description: "Sent again, or under way already", schema: resent } },
    errors: ["not_found", "state_conflict"],
  },
} as const satisfies Readonly<Record<string, Operation>>;
