/** What can be done with one schedule: pause, resume, run now, move the next run. */
import type { Context, Handler } from "hono";
import type { RunMade } from "../../protocol/api/schedules.ts";
import { SignalboxError } from "../../protocol/error.ts";
import type { Changed } from "../../protocol/ledger/schedules.ts";
import type { AppDeps } from "../deps.ts";
import { readJson } from "../http/body.ts";
import { validate } from "../http/validation.ts";
import { type FindDeps, type FoundSchedule, noSchedule, requireSchedule } from "./find.ts";
import { nextRequest, runKey } from "./request.ts";
import { scheduleView } from "./view.ts";

/** Answers the schedule as it is now; 409 where its state does not allow it. */
function answer(c: Context, { id, queue }: FoundSchedule, changed: Changed): Response {
  if (changed.kind === "unknown") throw noSchedule();
  if (changed.kind === "unfit") {
    throw new SignalboxError(
      "state_conflict",
      `expected a schedule with runs to come; ${id} is ${changed.schedule.state}: PUT it again`,
    );
  }
  if (changed.kind === "outside") {
    const { startAt = "any time", endAt = "any time" } = scheduleView(queue, changed.schedule);
    throw new SignalboxError(
      "invalid_request",
      `at: expected a time within the schedule's bounds, from ${startAt} to ${endAt}`,
    );
  }
  return c.json(scheduleView(queue, changed.schedule));
}

/** Makes no runs until it is resumed; a repetition changes nothing. */
export function pauseSchedule(deps: FindDeps): Handler {
  return async (c) => {
    const found = await requireSchedule(deps, c);
    return answer(c, found, await deps.schedules.pause(found.queue, found.id));
  };
}

/** Goes on from the present: times that passed while it was paused are not made up for. */
export function resumeSchedule(deps: FindDeps): Handler {
  return async (c) => {
    const found = await requireSchedule(deps, c);
    return answer(c, found, await deps.schedules.resume(found.queue, found.id));
  };
}

/** Answers 202 with the job of a run made now, besides the planned ones. `Idempotency-Key` makes it repeat-safe. */
export function runSchedule(deps: FindDeps & Pick<AppDeps, "newId">): Handler {
  return async (c) => {
    const key = c.req.header("idempotency-key");
    const once = key === undefined ? deps.newId() : validate(runKey, key);
    const found = await requireSchedule(deps, c);
    const changed = await deps.schedules.runNow(found.queue, found.id, once);
    if (changed.kind === "unknown") throw noSchedule();
    if (changed.kind === "taken") {
      throw new SignalboxError(
        "id_conflict",
        `expected an Idempotency-Key of no other job; ${found.id}@${once} is one that this route did not make: use another key`,
      );
    }
    const isQueued = changed.schedule.overlap === "queue";
    const job = `${found.id}@${once}${isQueued ? "+" : ""}`;
    return c.json({ id: found.id, queue: found.queue, job } satisfies RunMade, 202);
  };
}

/** Moves the next run to `at`. */
export function moveSchedule(deps: FindDeps): Handler {
  return async (c) => {
    const { value } = await readJson(c.req.raw, { maxBytes: 1_024, maxDepth: 1 });
    const { at } = validate(nextRequest, value);
    const found = await requireSchedule(deps, c);
    return answer(c, found, await deps.schedules.move(found.queue, found.id, at));
  };
}
