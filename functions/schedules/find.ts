/** Where a schedule is: like that of a job, its id does not name its queue. */
import type { Context } from "hono";
import { SignalboxError } from "../../protocol/error.ts";
import type { StoredSchedule } from "../../protocol/schedule/schedule.ts";
import { defaultQueue, scheduleIdPattern } from "../../protocol/wire/names.ts";
import type { AppDeps } from "../deps.ts";
import { validateQuery } from "../http/validation.ts";
import { scheduleQuery } from "./request.ts";

/** What it takes to find a schedule. */
export type FindDeps = Pick<AppDeps, "ledger" | "schedules" | "isAllowedQueue">;

export interface FoundSchedule {
  readonly id: string;
  readonly queue: string;
  readonly schedule: StoredSchedule;
}

/** The schedule that the path names: in the queue of the query, else in the default one, else in any that may be used. */
export async function findSchedule(deps: FindDeps, c: Context): Promise<FoundSchedule | null> {
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

/** @throws SignalboxError `not_found`, `invalid_request`, `forbidden` */
export async function requireSchedule(deps: FindDeps, c: Context): Promise<FoundSchedule> {
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

/** The refusal to change over HTTP what the deployed code declares. */
export function declaredInCode(id: string): SignalboxError {
  return new SignalboxError(
    "schedule_declared",
    `expected a schedule that was made over HTTP; ${id} is declared in the code that is deployed: change it there`,
  );
}
