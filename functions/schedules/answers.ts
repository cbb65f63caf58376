/**
 * Schemas of what the routes of schedules answer; the compiler holds each to its type in `protocol/api/schedules.ts`.
 * Schedules are loose: a later version may say more of them.
 */
import * as z from "zod";
import type {
  Count,
  History,
  IsScheduled,
  PutSchedule,
  RanLine,
  RunMade,
  ScheduleDeleted,
  ScheduleLine,
  SchedulePage,
  ScheduleView,
  SkippedLine,
  Times,
} from "../../protocol/api/schedules.ts";
import { jobStates } from "../../protocol/wire/job.ts";
import { storedOptions } from "../../protocol/wire/job-options.ts";
import { count as countField, instant, json, nextCursor } from "../http/answer-fields.ts";

const lineShape = {
  id: z.string(),
  queue: z.string(),
  state: z.enum(["active", "paused", "ended", "faulty"]),
  name: z.string(),
  nextAt: instant.nullable(),
  runAt: instant.exactOptional(),
  delayMs: countField.exactOptional(),
  everyMs: countField.exactOptional(),
  aligned: z.boolean().exactOptional(),
  cron: z.string().exactOptional(),
  timeZone: z.string().exactOptional(),
  startAt: instant.exactOptional(),
  endAt: instant.exactOptional(),
  runs: countField,
  lastRun: z.string().nullable(),
  waiting: z.array(instant).exactOptional(),
  error: z.string().exactOptional(),
  source: z.enum(["http", "declared"]),
  createdAt: instant,
  updatedAt: instant,
};
const scheduleLine = z
  .looseObject(lineShape)
  .meta({ id: "ScheduleLine" }) satisfies z.ZodType<ScheduleLine>;

const viewShape = {
  ...lineShape,
  dueAt: instant.nullable(),
  next: z.array(instant).describe("The next times"),
  moved: z.literal(true).exactOptional(),
  count: countField.exactOptional(),
  jitterMs: countField.exactOptional(),
  missed: z.enum(["skip", "latest", "all"]),
  maxMissed: countField,
  graceMs: countField,
  overlap: z.enum(["allow", "skip", "queue", "cancel"]),
  keepHistory: countField,
  payload: json.exactOptional(),
  node: z.string().exactOptional(),
  ...storedOptions,
  ttlMs: countField.exactOptional(),
};
export const schedule = z
  .looseObject(viewShape)
  .meta({ id: "Schedule" }) satisfies z.ZodType<ScheduleView>;
export const putSchedule = z
  .looseObject({ outcome: z.enum(["created", "replaced", "unchanged"]), ...viewShape })
  .meta({ id: "SchedulePut" }) satisfies z.ZodType<PutSchedule>;
export const schedulePage = z
  .object({ schedules: z.array(scheduleLine), cursor: nextCursor })
  .meta({ id: "SchedulePage" }) satisfies z.ZodType<SchedulePage>;
export const count = z
  .object({ count: countField })
  .meta({ id: "Count" }) satisfies z.ZodType<Count>;
export const times = z
  .object({ times: z.array(instant).max(100) })
  .meta({ id: "Times" }) satisfies z.ZodType<Times>;

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
  .meta({ id: "Run" }) satisfies z.ZodType<RanLine>;
const skipped = z
  .object({
    scheduledAt: instant,
    until: instant.exactOptional(),
    skipped: z.string(),
    seenAt: instant,
  })
  .meta({ id: "SkippedRun" }) satisfies z.ZodType<SkippedLine>;
export const history = z
  .object({ id: z.string(), queue: z.string(), history: z.array(z.union([ran, skipped])) })
  .meta({ id: "History" }) satisfies z.ZodType<History>;

export const isScheduled = z
  .object({
    scheduled: z.boolean(),
    queue: z.string().exactOptional(),
    state: z.string().nullable().exactOptional(),
    nextAt: instant.nullable().exactOptional(),
  })
  .meta({ id: "IsScheduled" }) satisfies z.ZodType<IsScheduled>;
export const scheduleDeleted = z
  .object({ id: z.string(), queue: z.string().exactOptional(), existed: z.boolean() })
  .meta({ id: "ScheduleDeleted" }) satisfies z.ZodType<ScheduleDeleted>;
export const runMade = z
  .object({ id: z.string(), queue: z.string(), job: z.string() })
  .meta({ id: "RunMade" }) satisfies z.ZodType<RunMade>;
