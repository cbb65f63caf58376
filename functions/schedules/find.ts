/** Where a schedule is: like a job, its id says nothing of its queue. */
import type { Context } from "hono";
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import { defaultQueue, scheduleIdPattern } from "../../protocol/wire/names.ts";
import type { StoredSchedule } from "../../protocol/schedule/schedule.ts";
import type { AppDeps } from "../deps.ts";
import { queueName } from "../jobs/request.ts";
import { objectError, validateQuery } from "../http/validation.ts";

/** What the schedule routes need. */
export type ScheduleDeps = Pick<
  AppDeps,
  "ledger" | "schedules" | "config" | "newId" | "isAllowedQueue"
>;

export interface FoundSchedule {
  readonly id: string;
  readonly queue: string;
  readonly schedule: StoredSchedule;
}

/** Query of what is done with one schedule. */
export const scheduleQuery = z.strictObject(
  { queue: queueName.exactOptional() },
  { error: objectError("a query of queue") },
);

/** The schedule that the path names: in the queue of the query, else in the default one, else in any that may be used. */
export async function findSchedule(
  deps: Pick<ScheduleDeps, "ledger" | "schedules" | "isAllowedQueue">,
  c: Context,
): Promise<FoundSchedule | null> {
  const { queue } = validateQuery(scheduleQuery, c.req.queries());
  const id = c.req.param("id") ?? "";
  if (!scheduleIdPattern.test(id)) return null;
  const isLeftOut = queue === undefined && !deps.isAllowedQueue(defaultQueue);
  const first = isLeftOut ? null : await deps.schedules.read([queue ?? defaultQueue], id);
  if (first !== null) return { id, ...first };
  if (queue !== undefined) return null;
  const others = (await deps.ledger.queues()).filter((other) => other !== defaultQueue).sort();
  const found = others.length === 0 ? null : await deps.schedules.read(others, id);
  return found === null ? null : { id, ...found };
}

/** @throws SignalboxError `not_found` */
export async function requireSchedule(
  deps: Pick<ScheduleDeps, "ledger" | "schedules" | "isAllowedQueue">,
  c: Context,
): Promise<FoundSchedule> {
  const found = await findSchedule(deps, c);
  if (found === null) throw noSchedule();
  return found;
}

export function noSchedule(): SignalboxError {
  return new SignalboxError(
    "not_found",
    "expected the id of a schedule; ended ones are kept for a day",
  );
}
