/** What can be done with one schedule: pause, resume, run now, move the next run; its history; a preview. */
import type { Context, Handler } from "hono";
import * as z from "zod";
import { createCronClock } from "../../protocol/schedule/cron.ts";
import { SignalboxError } from "../../protocol/error.ts";
import type { Changed } from "../../protocol/ledger/schedules.ts";
import { timelineOf } from "../../protocol/schedule/timeline.ts";
import { readJson } from "../http/body.ts";
import type { AppDeps } from "../deps.ts";
import { requireSchedule, noSchedule, type FoundSchedule, type ScheduleDeps } from "./find.ts";
import { time } from "../jobs/request.ts";
import { previewRequest, toTimes } from "./request.ts";
import { historyView, iso, scheduleView } from "./view.ts";
import { objectError, validate } from "../http/validation.ts";

/** Body of `POST /v1/schedules/:id/next`. */
export const nextRequest = z.strictObject(
  { at: time("at") },
  { error: objectError("an object with at: the time of the next run") },
);
/** What `POST /v1/schedules/:id/run` takes as `Idempotency-Key`. */
export const runKey = z
  .string()
  .regex(
    /^[A-Za-z0-9._~-]{1,24}$/,
    "expected an Idempotency-Key of 1 to 24 of A-Z a-z 0-9 . _ ~ -",
  );

/** Answers the schedule as it is now; 409 where its state does not allow it. */
function answer(c: Context, { id, queue }: FoundSchedule, changed: Changed): Response {
  if (changed.kind === "unknown") throw noSchedule();
  if (changed.kind === "unfit") {
    throw new SignalboxError(
      "state_conflict",
      `expected a schedule with runs to come; ${id} is ${changed.schedule.state}: PUT it anew`,
    );
  }
  return c.json(scheduleView(queue, changed.schedule));
}

/** No runs until it is resumed; asked for again, nothing changes. */
export function pauseSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const found = await requireSchedule(deps, c);
    return answer(c, found, await deps.schedules.pause(found.queue, found.id));
  };
}

/** Goes on from the present. */
export function resumeSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const found = await requireSchedule(deps, c);
    return answer(c, found, await deps.schedules.resume(found.queue, found.id));
  };
}

/** 202 with the job of a run made now, besides the planned ones. `Idempotency-Key` makes it safe to repeat. */
export function runSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const key = c.req.header("idempotency-key");
    const once = key === undefined ? deps.newId() : validate(runKey, key);
    const found = await requireSchedule(deps, c);
    const changed = await deps.schedules.runNow(found.queue, found.id, once);
    if (changed.kind !== "changed") throw noSchedule();
    const isQueued = changed.schedule.overlap === "queue";
    const job = `${found.id}@${once}${isQueued ? "+" : ""}`;
    return c.json({ id: found.id, queue: found.queue, job }, 202);
  };
}

/** Moves the next run to `at`. */
export function moveSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const { value } = await readJson(c.req.raw, { maxBytes: 1_024, maxDepth: 1 });
    const { at } = validate(nextRequest, value);
    const found = await requireSchedule(deps, c);
    return answer(c, found, await deps.schedules.move(found.queue, found.id, at));
  };
}

/** The last runs and what became of them, newest first. */
export function scheduleHistory(deps: ScheduleDeps): Handler {
  return async (c) => {
    const { id, queue } = await requireSchedule(deps, c);
    return c.json({ id, queue, history: historyView(await deps.schedules.history(queue, id)) });
  };
}

/** The next times of an expression. Nothing is stored; a single time that has passed is not among them. */
export function previewSchedule({ now }: Pick<AppDeps, "now">): Handler {
  return async (c) => {
    const { value } = await readJson(c.req.raw, { maxBytes: 4_096, maxDepth: 1 });
    const request = validate(previewRequest, value);
    const from = request.from ?? now();
    const times = timelineOf(toTimes(request), from, createCronClock());
    const found: string[] = [];
    // A rule that starts at the anchor has its first time there.
    let at: number | null = times.after(request.cron === undefined ? from - 1 : from);
    while (at !== null && found.length < request.count) {
      found.push(iso(at));
      at = times.after(at);
    }
    return c.json({ times: found });
  };
}
