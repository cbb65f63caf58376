/** `GET /v1/jobs`: pages of jobs, newest first, over one queue or all. */
import type { Handler } from "hono";
import type { JobPage } from "../../protocol/api/jobs.ts";
import type { AppDeps } from "../deps.ts";
import { validateQuery } from "../http/validation.ts";
import { decodeCursor, encodeCursor, merge, startOf } from "./list-cursor.ts";
import { listJobsQuery } from "./request.ts";
import { jobLine } from "./view.ts";

/** Where few jobs match, a page may hold fewer than `limit`, even none; `cursor` is null only at the end. */
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
    } satisfies JobPage);
  };
}
