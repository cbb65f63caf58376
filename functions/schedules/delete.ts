/** `DELETE /v1/schedules/:id`. */
import type { Handler } from "hono";
import type { ScheduleDeleted } from "../../protocol/api/schedules.ts";
import { declaredInCode, type FindDeps, findSchedule } from "./find.ts";

/** Answers 200 with whether it existed; a repetition finds that it did not. The jobs that it made stay. */
export function deleteSchedule(deps: FindDeps): Handler {
  return async (c) => {
    const found = await findSchedule(deps, c);
    if (found === null) {
      const id = c.req.param("id") ?? "";
      return c.json({ id, existed: false } satisfies ScheduleDeleted);
    }
    const { id, queue } = found;
    const [outcome] = await deps.schedules.delete(queue, [id], "http");
    if (outcome === "foreign") throw declaredInCode(id);
    // Read, then unknown: our own call was repeated. Either way it is deleted.
    return c.json({ id, queue, existed: true } satisfies ScheduleDeleted);
  };
}
