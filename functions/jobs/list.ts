/** `GET /v1/jobs`: pages of jobs, newest first, over one queue or all. */
import type { Handler } from "hono";
import * as z from "zod";
import { jobStates } from "../../protocol/wire/job.ts";
import type { AppDeps } from "../deps.ts";
import { jobName, queueName } from "./request.ts";
import { pageLimit } from "../http/page-limit.ts";
import { jobLine } from "./view.ts";
import { decodeCursor, encodeCursor, merge, startOf } from "./list-cursor.ts";
import { objectError, validateQuery } from "../http/validation.ts";

/** Query of `GET /v1/jobs`. */
export const listJobsQuery = z.strictObject(
  {
    state: z.enum(jobStates, `expected one of ${jobStates.join(", ")}`).exactOptional(),
    queue: queueName.exactOptional(),
    name: jobName.exactOptional(),
    cursor: z.string().exactOptional(),
    limit: pageLimit,
  },
  { error: objectError("a query of state, queue, name, cursor and limit") },
);

/**
 * A page may hold fewer jobs than `limit`, even none, where few match: `cursor` is null at the end
 * and only there.
 */
export function listJobs({ ledger }: Pick<AppDeps, "ledger">): Handler {
  return async (c) => {
    const query = validateQuery(listJobsQuery, c.req.queries());
    const { state = "-", name = "-", limit } = query;
    const cursor = query.cursor === undefined ? null : decodeCursor(query.cursor);
    const queues = query.queue === undefined ? await ledger.queues() : [query.queue];
    const from = (queue: string) => startOf(cursor, queue);
    const pages = await ledger.list(queues, from, { limit, state, name });
    const { rows, next } = merge(pages, limit);
    return c.json({
      jobs: rows.map(({ queue, job }) => jobLine(queue, job)),
      cursor: next === null ? null : encodeCursor(next),
    });
  };
}
