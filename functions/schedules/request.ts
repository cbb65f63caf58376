/** What a caller may ask for of schedules: the schema, and how it becomes a schedule. */
import * as z from "zod";
import { createCronClock } from "../../protocol/schedule/cron.ts";
import { SignalboxError } from "../../protocol/error.ts";
import type { Json } from "../../protocol/wire/json.ts";
import { defaultQueue, scheduleIdPattern } from "../../protocol/wire/names.ts";
import {
  defaultPlan,
  type Plan,
  type Rule,
  type ScheduleSpec,
} from "../../protocol/schedule/schedule.ts";
import {
  backoff,
  jobName,
  longestMs,
  nodeName,
  queueName,
  time,
  utf8Bytes,
  whole,
} from "../jobs/request.ts";
import { objectError } from "../http/validation.ts";

/** Ids that are paths of the API, or stand for none; `.` and `..` no URL can name. */
const reserved: readonly string[] = ["-", ".", "..", "count", "preview"];
export const scheduleId = z
  .string("expected the id of a schedule")
  .regex(scheduleIdPattern, "expected the id of a schedule: 1 to 100 of A-Z a-z 0-9 . _ : ~ -")
  .refine((id) => !reserved.includes(id), `expected an id other than ${reserved.join(", ")}`);

/** What a run carries is read and written with its schedule, hundreds at once. */
const maxPayloadBytes = 32_768;
const shortestEveryMs = 1_000;
const longestJitterMs = 3_600_000;

const everyMs = `expected everyMs: a whole number from ${shortestEveryMs} to ${longestMs}`;
const cronText =
  "expected cron: five or six fields, or a name such as @daily; up to 200 characters";
const zone = "expected timeZone: an IANA name such as Europe/Berlin";
const span = (what: string, max: number) => {
  const message = `expected ${what}: a whole number from 0 to ${max}`;
  return z.int(message).min(0, message).max(max, message);
};

/** The times of a schedule: one of `runAt`, `delayMs`, `everyMs`, `cron`, and what goes with it. */
const timesShape = {
  runAt: time("runAt").exactOptional(),
  delayMs: whole("delayMs", longestMs).exactOptional(),
  everyMs: z.int(everyMs).min(shortestEveryMs, everyMs).max(longestMs, everyMs).exactOptional(),
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
      jitterMs: span("jitterMs", longestJitterMs).exactOptional(),
      missed: z
        .enum(["skip", "latest", "all"], "expected missed: skip, latest or all")
        .default(defaultPlan.missed),
      maxMissed: whole("maxMissed", 1_000).default(defaultPlan.maxMissed),
      graceMs: span("graceMs", longestMs).default(defaultPlan.graceMs),
      overlap: z
        .enum(
          ["allow", "skip", "queue", "cancel"],
          "expected overlap: allow, skip, queue or cancel",
        )
        .default(defaultPlan.overlap),
      keepHistory: span("keepHistory", 100).default(defaultPlan.keepHistory),
      name: jobName,
      payload: z.unknown().exactOptional(),
      node: nodeName.exactOptional(),
      queue: queueName.exactOptional(),
      attempts: whole("attempts", 100).exactOptional(),
      backoff: backoff.exactOptional(),
      timeoutMs: whole("timeoutMs", 86_400_000).exactOptional(),
      ttlMs: whole("ttlMs", longestMs).exactOptional(),
    },
    {
      error: objectError(
        `a schedule with name, ${timesText}, count?, jitterMs?, missed?, maxMissed?, graceMs?, overlap?, ` +
          "keepHistory?, id?, payload?, node?, queue?, attempts?, backoff?, timeoutMs?, ttlMs?",
      ),
    },
  )
  .superRefine(checkTimes);
export type ScheduleRequest = z.output<typeof scheduleRequest>;

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
  const refuse = (path: string, message: string) => {
    context.addIssue({ code: "custom", path: [path], message });
  };
  const given = (["runAt", "delayMs", "everyMs", "cron"] as const).filter(
    (name) => times[name] !== undefined,
  );
  const [kind, ...others] = given;
  if (kind === undefined || others.length > 0) {
    context.addIssue({
      code: "custom",
      message: `expected one of runAt, delayMs, everyMs, cron; got ${given.join(", ") || "none"}`,
    });
    return;
  }
  if (times.aligned !== undefined && kind !== "everyMs")
    refuse("aligned", "expected aligned with everyMs only");
  if (times.timeZone !== undefined && kind !== "cron")
    refuse("timeZone", "expected timeZone with cron only");
  if (times.startAt !== undefined && times.endAt !== undefined && times.endAt < times.startAt)
    refuse("endAt", "expected endAt not before startAt");
  if (times.cron === undefined) return;
  try {
    const expression = { cron: times.cron, timeZone: times.timeZone ?? "UTC" };
    if (createCronClock().after(expression, 0) === null)
      refuse("cron", "expected an expression that matches some time; this one never does");
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    refuse("cron", error.message);
  }
}

/** The times as they are stored. */
export function toTimes(times: Times): Pick<Plan, "rule" | "startMs" | "endMs"> {
  const { startAt, endAt } = times;
  return {
    rule: ruleOf(times),
    ...(startAt === undefined ? {} : { startMs: startAt }),
    ...(endAt === undefined ? {} : { endMs: endAt }),
  };
}

function ruleOf({ runAt, delayMs, everyMs: every, aligned, cron, timeZone = "UTC" }: Times): Rule {
  if (runAt !== undefined) return { kind: "at", atMs: runAt };
  if (delayMs !== undefined) return { kind: "in", inMs: delayMs };
  if (every !== undefined)
    return { kind: "every", everyMs: every, ...(aligned === true ? { aligned } : {}) };
  return { kind: "cron", cron: cron ?? "", timeZone };
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
  const { name, payload, node, attempts, backoff: pause, timeoutMs, ttlMs } = request;
  const max = Math.min(limits.maxPayloadBytes, maxPayloadBytes);
  const text = payload === undefined ? "" : JSON.stringify(payload);
  if (utf8Bytes(text, max) > max) {
    throw new SignalboxError(
      "payload_too_large",
      `expected a payload of at most ${max} bytes of JSON for schedule ${id}; ` +
        "put large data where the handler can fetch it, and its address into the payload",
    );
  }
  return {
    id,
    queue: request.queue ?? defaultQueue,
    plan: {
      ...toTimes(request),
      ...(count === undefined ? {} : { count }),
      ...(jitterMs === undefined ? {} : { jitterMs }),
      ...{ missed, maxMissed, graceMs, overlap, keepHistory },
    },
    job: {
      name,
      // The request was parsed from JSON, so the payload is JSON.
      ...(payload === undefined ? {} : { payload: payload as Json }),
      ...(node === undefined ? {} : { node }),
      ...(attempts === undefined ? {} : { attempts }),
      ...(pause === undefined ? {} : { backoff: pause }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    },
  };
}
