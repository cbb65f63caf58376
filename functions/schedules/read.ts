/** `GET /v1/schedules/:id`, whether it is scheduled, and its history. */
import type { Handler } from "hono";
import type { History, IsScheduled } from "../../protocol/api/schedules.ts";
import { type FindDeps, findSchedule, requireSchedule } from "./find.ts";
import { historyView, scheduleLine, scheduleView } from "./view.ts";

/** Answers 200 with the schedule. */
export function readSchedule(deps: FindDeps): Handler {
  return async (c) => {
    const { queue, schedule } = await requireSchedule(deps, c);
    return c.json(scheduleView(queue, schedule));
  };
}

/** Answers whether it exists and has runs to come. Never 404: that it does not exist is an answer here. */
export function isScheduled(deps: FindDeps): Handler {
  return async (c) => {
    const found = await findSchedule(deps, c);
    if (found === null) return c.json({ scheduled: false } satisfies IsScheduled);
    const { nextAt, state } = scheduleLine(found.queue, found.schedule);
    return c.json({
      scheduled: found.schedule.state === "active",
      queue: found.queue,
      state,
      nextAt,
    } satisfies IsScheduled);
  };
}

/** Answers the last runs and their outcome, newest first. */
export function scheduleHistory(deps: FindDeps): Handler {
  return async (c) => {
    const { id, queue } = await requireSchedule(deps, c);
    const history = historyView(await deps.schedules.history(queue, id));
    return c.json({ id, queue, history } satisfies History);
  };
}
