/** The routes of schedules, and what they answer. */
import * as z from "zod";
import { jobStates } from "../../protocol/wire/job.ts";
import { scheduleQuery } from "./find.ts";
import { nextRequest, runKey } from "./actions.ts";
import { countSchedulesQuery, listSchedulesQuery } from "./routes.ts";
import { previewRequest, scheduleId, scheduleRequest } from "./request.ts";
import { instant, json, nextCursor } from "../jobs/answers.ts";
import type { Operation } from "../http/operation.ts";

const lineShape = {
  id: z.string(),
  queue: z.string(),
  state: z.enum(["active", "paused", "ended", "faulty"]),
  name: z.string(),
  nextAt: instant.nullable(),
  runs: z.int().min(0),
  source: z.enum(["http", "declared"]),
  createdAt: instant,
  updatedAt: instant,
};
// Loose: the rule and what the runs carry stand beside, as they were given.
const scheduleLine = z.looseObject(lineShape).meta({ id: "ScheduleLine" });
const viewShape = {
  ...lineShape,
  dueAt: instant.nullable(),
  next: z.array(instant).describe("The next times"),
  payload: json.exactOptional(),
};
const schedule = z.looseObject(viewShape).meta({ id: "Schedule" });
const putAnswer = z
  .looseObject({ outcome: z.enum(["created", "replaced", "unchanged"]), ...viewShape })
  .meta({ id: "SchedulePut" });
const page = z
  .object({ schedules: z.array(scheduleLine), cursor: nextCursor })
  .meta({ id: "SchedulePage" });
const ran = z
  .object({
    scheduledAt: instant,
    job: z.string(),
    state: z.enum(jobStates).nullable(),
    madeAt: instant,
    late: z.boolean(),
    backfilled: z.boolean(),
    manual: z.boolean(),
  })
  .meta({ id: "Run" });
const notRun = z
  .object({
    scheduledAt: instant,
    until: instant.exactOptional(),
    skipped: z.string(),
    seenAt: instant,
  })
  .meta({ id: "SkippedRun" });
const history = z
  .object({ id: z.string(), queue: z.string(), history: z.array(z.union([ran, notRun])) })
  .meta({ id: "History" });
const isScheduled = z
  .object({
    scheduled: z.boolean(),
    queue: z.string().exactOptional(),
    state: z.string().nullable().exactOptional(),
    nextAt: instant.nullable().exactOptional(),
  })
  .meta({ id: "IsScheduled" });
const dropped = z
  .object({ id: z.string(), queue: z.string().exactOptional(), existed: z.boolean() })
  .meta({ id: "ScheduleDeleted" });

const bodyErrors = ["body_not_json", "body_too_deep", "body_too_large"] as const;
const putErrors = [
  ...bodyErrors,
  ...(["payload_too_large", "not_found", "schedule_declared", "schedules_full"] as const),
] as const;
const all = { tag: "schedules" } as const;
const one = { ...all, id: scheduleId, query: scheduleQuery } as const;
const changed = { 200: { description: "The schedule as it is now", schema: schedule } } as const;
const put = {
  200: { description: "It was there", schema: putAnswer, headers: ["location"] },
  201: { description: "It is new", schema: putAnswer, headers: ["location"] },
} as const;

export const scheduleOperations = {
  listSchedules: {
    ...{ ...all, method: "GET", path: "/v1/schedules", access: "read" },
    summary: "List schedules",
    query: listSchedulesQuery,
    answers: { 200: { description: "A page, by queue and id", schema: page } },
    errors: [],
  },
  postSchedule: {
    ...{ ...all, method: "POST", path: "/v1/schedules", access: "manage" },
    summary: "Make a schedule whose id is in the body, or is made",
    body: scheduleRequest,
    idempotencyKey: scheduleId,
    answers: put,
    errors: putErrors,
  },
  countSchedules: {
    ...{ ...all, method: "GET", path: "/v1/schedules/count", access: "read" },
    summary: "Count schedules",
    query: countSchedulesQuery,
    answers: {
      200: {
        description: "How many",
        schema: z.object({ count: z.int().min(0) }).meta({ id: "Count" }),
      },
    },
    errors: [],
  },
  previewSchedule: {
    ...{ ...all, method: "POST", path: "/v1/schedules/preview", access: "read" },
    summary: "Show the next times of a rule; store nothing",
    body: previewRequest,
    answers: {
      200: {
        description: "The times",
        schema: z.object({ times: z.array(instant).max(100) }).meta({ id: "Times" }),
      },
    },
    errors: bodyErrors,
  },
  readSchedule: {
    ...{ ...one, method: "GET", path: "/v1/schedules/:id", access: "read" },
    summary: "Read a schedule",
    answers: { 200: { description: "The schedule", schema: schedule } },
    errors: ["not_found"],
  },
  putSchedule: {
    ...{ ...all, method: "PUT", path: "/v1/schedules/:id", id: scheduleId, access: "manage" },
    summary: "Make or replace a schedule",
    description: "The same definition again changes nothing.",
    body: scheduleRequest,
    answers: put,
    errors: putErrors,
  },
  deleteSchedule: {
    ...{ ...one, method: "DELETE", path: "/v1/schedules/:id", access: "manage" },
    summary: "Delete a schedule; the jobs that it made stay",
    answers: { 200: { description: "Whether it existed", schema: dropped } },
    errors: ["schedule_declared"],
  },
  isScheduled: {
    ...{ ...one, method: "GET", path: "/v1/schedules/:id/scheduled", access: "read" },
    summary: "Whether a schedule is there and has runs to come",
    answers: { 200: { description: "Never 404", schema: isScheduled } },
    errors: [],
  },
  scheduleHistory: {
    ...{ ...one, method: "GET", path: "/v1/schedules/:id/history", access: "read" },
    summary: "The last runs and their states, and times that were not run",
    answers: { 200: { description: "Newest first", schema: history } },
    errors: ["not_found"],
  },
  pauseSchedule: {
    ...{ ...one, method: "POST", path: "/v1/schedules/:id/pause", access: "manage" },
    summary: "Pause a schedule",
    answers: changed,
    errors: ["not_found", "state_conflict"],
  },
  resumeSchedule: {
    ...{ ...one, method: "POST", path: "/v1/schedules/:id/resume", access: "manage" },
    summary: "Resume a schedule, from the present on",
    answers: changed,
    errors: ["not_found", "state_conflict"],
  },
  runSchedule: {
    ...{ ...one, method: "POST", path: "/v1/schedules/:id/run", access: "manage" },
    summary: "Make a run now, besides the planned ones",
    idempotencyKey: runKey,
    answers: {
      202: {
        description: "The job of the run",
        schema: z
          .object({ id: z.string(), queue: z.string(), job: z.string() })
          .meta({ id: "RunMade" }),
      },
    },
    errors: ["not_found"],
  },
  moveSchedule: {
    ...{ ...one, method: "POST", path: "/v1/schedules/:id/next", access: "manage" },
    summary: "Move the next run",
    body: nextRequest,
    answers: changed,
    errors: [...bodyErrors, "not_found", "state_conflict"],
  },
} as const satisfies Readonly<Record<string, Operation>>;
