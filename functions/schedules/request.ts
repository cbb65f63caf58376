/** What a caller may ask of schedules: bodies and queries, and how a request becomes a schedule. */
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import { createCronClock } from "../../protocol/schedule/cron.ts";
import {
  defaultPlan,
  type Plan,
  type Rule,
  type ScheduleSpec,
  type Template,
} from "../../protocol/schedule/schedule.ts";
import {
  jobName,
  longestMs,
  objectError,
  queueName,
  time,
  whole,
  wholeFrom,
} from "../../protocol/wire/fields.ts";
import { optionNames, runOptions } from "../../protocol/wire/job-options.ts";
import type { Json } from "../../protocol/wire/json.ts";
import { defaultQueue, scheduleIdPattern } from "../../protocol/wire/names.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import { pageLimit } from "../http/page-limit.ts";
import { payloadTooLarge, utf8Bytes } from "../http/payload.ts";

/** Ids that are paths of the API, or stand for none; `.` and `..` no URL can name. */
const reserved: readonly string[] = ["-", ".", "..", "count", "preview"];
export const scheduleId = z
  .string("expected the id of a schedule")
  .regex(scheduleIdPattern, "expected the id of a schedule: 1 to 100 of A-Z a-z 0-9 . _ : ~ -")
  .refine((id) => !reserved.includes(id), `expected an id other than ${reserved.join(", ")}`);

/** Milliseconds since 1970 or RFC 3339, as text of a query. */
const until = z
  .string()
  .transform((text) => (/^\d+$/.test(text) ? Number(text) : text))
  .pipe(time("until"));
/** Query of `GET /v1/schedules`. */
export const listSchedulesQuery = z.strictObject(
  {
    queue: queueName.exactOptional(),
    until: until.exactOptional(),
    cursor: z.string().exactOptional(),
    limit: pageLimit,
  },
  { error: objectError("a query of queue, until, cursor and limit") },
);
/** Query of `GET /v1/schedules/count`. */
export const countSchedulesQuery = z.strictObject(
  { queue: queueName.exactOptional(), until: until.exactOptional() },
  { error: objectError("a query of queue and until") },
);
/** Query of a route of one schedule. */
export const scheduleQuery = z.strictObject(
  { queue: queueName.exactOptional() },
  { error: objectError("a query of queue") },
);
/** Query of the routes that put a schedule. */
export const noQuery = z.strictObject({}, { error: objectError("no query: the body says it all") });

/** Body of `POST /v1/schedules/:id/next`. */
export const nextRequest = z.strictObject(
  { at: time("at") },
  { error: objectError("an object with at: the time of the next run") },
);
/** What `POST /v1/schedules/:id/run` takes as `Idempotency-Key`. */
export const runKey = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{1,24}$/, "expected an Idempotency-Key of 1 to 24 of A-Z a-z 0-9 . _ ~ -")
  .refine(
    (key) => !/^\d{10,}$/.test(key),
    "expected an Idempotency-Key that is no time: the ids of planned runs end on theirs",
  );

/** The payload of a run is read and written with its schedule, hundreds together. */
const maxPayloadBytes = 32_768;
const shortestEveryMs = 1_000;
const longestJitterMs = 3_600_000;

const cronText =
  "expected cron: five or six fields, or a name such as @daily; up to 200 characters";
const zone = "expected timeZone: an IANA name such as Europe/Berlin";
/** The times of a schedule: one of `runAt`, `delayMs`, `everyMs`, `cron`, and what goes with it. */
const timesShape = {
  runAt: time("runAt").exactOptional(),
  delayMs: whole("delayMs", longestMs).exactOptional(),
  everyMs: wholeFrom(shortestEveryMs, "everyMs", longestMs).exactOptional(),
  aligned: z.boolean("expected aligned: true or false").exactOptional(),
  cron: z.string(cronText).min(1, cronText).max(200, cronText).exactOptional(),
  timeZone: z.string(zone).min(1, zone).max(64, zone).exactOptional(),
  startAt: time("startAt").exactOptional(),
  endAt: time("endAt").exactOptional(),
};
const timesText = "runAt, delayMs, everyMs (aligned?) or cron (timeZone?), and startAt?, endAt?";

/** Body of `PUT /v1/schedules/:id` and `POST /v1/schedules`. */
export const scheduleRequest = z
  .strictObject(
    {
      id: scheduleId.exactOptional(),
      ...timesShape,
      count: whole("count", 1_000_000_000).exactOptional(),
      jitterMs: wholeFrom(0, "jitterMs", longestJitterMs).exactOptional(),
      missed: z
        .enum(["skip", "latest", "all"], "expected missed: skip, latest or all")
        .default(defaultPlan.missed),
      maxMissed: whole("maxMissed", 1_000).default(defaultPlan.maxMissed),
      graceMs: wholeFrom(0, "graceMs", longestMs).default(defaultPlan.graceMs),
      overlap: z
        .enum(
          ["allow", "skip", "queue", "cancel"],
          "expected overlap: allow, skip, queue or cancel",
        )
        .default(defaultPlan.overlap),
      keepHistory: wholeFrom(0, "keepHistory", 100).default(defaultPlan.keepHistory),
      name: jobName,
      payload: z.unknown().exactOptional(),
      ...runOptions,
    },
    {
      error: objectError(
        `a schedule with name, ${timesText}, count?, jitterMs?, missed?, maxMissed?, graceMs?, overlap?, ` +
          `keepHistory?, id?, payload?, ${optionNames(runOptions)}`,
      ),
    },
  )
  .superRefine(checkTimes)
  .superRefine(checkRuns);
export type ScheduleRequest = z.output<typeof scheduleRequest>;
/** A schedule as a caller writes it. */
export type ScheduleInput = z.input<typeof scheduleRequest>;

/** Body of `POST /v1/schedules/preview`. */
export const previewRequest = z
  .strictObject(
    {
      ...timesShape,
      /** How many times to show. */
      count: whole("count", 100).default(10),
      /** After which time; now if absent. */
      from: time("from").exactOptional(),
    },
    { error: objectError(`${timesText}, count?, from?`) },
  )
  .superRefine(checkTimes);

type Times = z.output<z.ZodObject<typeof timesShape>>;

function checkTimes(times: Times, context: z.RefinementCtx): void {
  const kinds = (["runAt", "delayMs", "everyMs", "cron"] as const).filter(
    (name) => times[name] !== undefined,
  );
  const [kind, ...others] = kinds;
  if (kind === undefined || others.length > 0) {
    context.addIssue({
      code: "custom",
      message: `expected one of runAt, delayMs, everyMs, cron; got ${kinds.join(", ") || "none"}`,
    });
    return;
  }
  for (const [path, message] of [...misplaced(times, kind), ...cronProblems(times)])
    context.addIssue({ code: "custom", path: [path], message });
}

/** How many of its times show how close to each other those of an expression are. */
const sampledTimes = 12;

/** Options of a schedule that do not go with its times. */
function checkRuns(
  request: Times & { readonly count?: number; readonly jitterMs?: number },
  context: z.RefinementCtx,
): void {
  const { count, jitterMs = 0, runAt, delayMs } = request;
  if (count !== undefined && (runAt !== undefined || delayMs !== undefined)) {
    const message = "expected count with everyMs or cron only: this schedule runs once";
    context.addIssue({ code: "custom", path: ["count"], message });
  }
  const intervalMs = jitterMs === 0 ? Infinity : shortestInterval(request);
  if (jitterMs > intervalMs) {
    const message = `expected jitterMs not above the interval between two runs, ${intervalMs} ms`;
    context.addIssue({ code: "custom", path: ["jitterMs"], message });
  }
}

function shortestInterval({ everyMs, cron, timeZone = "UTC" }: Times): number {
  if (everyMs !== undefined) return everyMs;
  if (cron === undefined || cronProblems({ cron, timeZone }).length > 0) return Infinity;
  const clock = createCronClock();
  let shortest = Infinity;
  let at = clock.after({ cron, timeZone }, 0);
  for (let sampled = 1; sampled < sampledTimes && at !== null; sampled++) {
    const next = clock.after({ cron, timeZone }, at);
    if (next !== null) shortest = Math.min(shortest, next - at);
    at = next;
  }
  return shortest;
}

type TimeProblem = readonly [path: string, message: string];

/** Fields that do not go with the kind of rule, or with each other. */
function misplaced(times: Times, kind: string): TimeProblem[] {
  const { aligned, timeZone, runAt, startAt, endAt } = times;
  const problems: TimeProblem[] = [];
  if (aligned !== undefined && kind !== "everyMs")
    problems.push(["aligned", "expected aligned with everyMs only"]);
  if (timeZone !== undefined && kind !== "cron")
    problems.push(["timeZone", "expected timeZone with cron only"]);
  if (startAt !== undefined && endAt !== undefined && endAt < startAt)
    problems.push(["endAt", "expected endAt not before startAt"]);
  return runAt === undefined ? problems : [...problems, ...outside(runAt, startAt, endAt)];
}

function outside(runAt: number, startAt = -Infinity, endAt = Infinity): TimeProblem[] {
  if (runAt < startAt) return [["runAt", "expected runAt not before startAt"]];
  return runAt > endAt ? [["runAt", "expected runAt not after endAt"]] : [];
}

function cronProblems({ cron, timeZone = "UTC" }: Times): TimeProblem[] {
  if (cron === undefined) return [];
  try {
    if (createCronClock().after({ cron, timeZone }, 0) !== null) return [];
    return [["cron", "expected an expression that matches some time; this one never does"]];
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    return [["cron", error.message]];
  }
}

/** The times as they are stored. */
export function toTimes(times: Times): Pick<Plan, "rule" | "startMs" | "endMs"> {
  return {
    rule: ruleOf(times),
    ...omitUndefined({ startMs: times.startAt, endMs: times.endAt }),
  };
}

function ruleOf({ runAt, delayMs, everyMs, aligned, cron, timeZone = "UTC" }: Times): Rule {
  if (runAt !== undefined) return { kind: "at", atMs: runAt };
  if (delayMs !== undefined) return { kind: "in", inMs: delayMs };
  if (everyMs !== undefined)
    return { kind: "every", everyMs, ...(aligned === true ? { aligned } : {}) };
  if (cron !== undefined) return { kind: "cron", cron, timeZone };
  throw new SignalboxError("internal", "expected times that were checked");
}

/**
 * The schedule that is asked for, with its defaults.
 * @throws SignalboxError `payload_too_large`
 */
export function toScheduleSpec(
  id: string,
  request: ScheduleRequest,
  limits: { readonly maxPayloadBytes: number },
): ScheduleSpec {
  const { count, jitterMs, missed, maxMissed, graceMs, overlap, keepHistory } = request;
  const { queue = defaultQueue, payload } = request;
  const max = Math.min(limits.maxPayloadBytes, maxPayloadBytes);
  const text = payload === undefined ? "" : JSON.stringify(payload);
  if (utf8Bytes(text, max) > max) throw payloadTooLarge(max, `of JSON for schedule ${id}`);
  return {
    id,
    queue,
    plan: {
      ...toTimes(request),
      ...omitUndefined({ count, jitterMs }),
      missed,
      maxMissed,
      graceMs,
      overlap,
      keepHistory,
    },
    job: templateOf(request),
  };
}

const templateOptions = (Object.keys(runOptions) as (keyof typeof runOptions)[]).filter(
  (name) => name !== "queue",
);

/** What each run is. The request was parsed from JSON, so the payload is JSON. */
function templateOf(request: ScheduleRequest): Template {
  const { name, payload } = request;
  const options = Object.fromEntries(templateOptions.map((option) => [option, request[option]]));
  return {
    name,
    ...omitUndefined({ payload: payload as Json | undefined }),
    ...omitUndefined(options),
  };
}
