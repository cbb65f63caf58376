/** `GET /v1/schedules` and `GET /v1/schedules/count`: schedules of one queue or all. */
import type { Handler } from "hono";
import type { Count, ScheduleLine, SchedulePage } from "../../protocol/api/schedules.ts";
import { SignalboxError } from "../../protocol/error.ts";
import { parseSchedule } from "../../protocol/schedule/schedule.ts";
import { queueNamePattern, scheduleIdPattern } from "../../protocol/wire/names.ts";
import type { AppDeps } from "../deps.ts";
import { validateQuery } from "../http/validation.ts";
import { countSchedulesQuery, listSchedulesQuery } from "./request.ts";
import { scheduleLine } from "./view.ts";

/** How many requests to Redis one page may cost: each examines 1,000 schedules. */
const maxRounds = 10;

type ListDeps = Pick<AppDeps, "ledger" | "schedules">;

/** Answers a page by queue and id. `until`: only those whose next run is due by then. `cursor` is null only at the end. */
export function listSchedules({ ledger, schedules }: ListDeps): Handler {
  return async (c) => {
    const query = validateQuery(listSchedulesQuery, c.req.queries());
    const cursor = query.cursor === undefined ? null : decodeCursor(query.cursor);
    const queues = query.queue === undefined ? [...(await ledger.queues())].sort() : [query.queue];
    const before = query.until === undefined ? "-" : String(query.until);
    const rows: ScheduleLine[] = [];
    let at = cursor === null ? firstOf(queues[0]) : placeOf(cursor, queues);
    for (let round = 0; round < maxRounds && at !== null && rows.length < query.limit; round++) {
      const { queue, id: from } = at;
      const page = await schedules.list(queue, { from, limit: query.limit - rows.length, before });
      rows.push(
        ...page.schedules.map(({ id, text }) => scheduleLine(queue, parseSchedule(id, text))),
      );
      at =
        page.last === null
          ? firstOf(queues.find((other) => other > queue))
          : { queue, id: page.last };
    }
    const cursorNext = at === null ? null : encodeCursor(at);
    return c.json({ schedules: rows, cursor: cursorNext } satisfies SchedulePage);
  };
}

/** A cursor comes from the caller: a queue in it that was not asked for is passed over. */
function placeOf(cursor: Cursor, queues: readonly string[]): Cursor | null {
  if (queues.includes(cursor.queue)) return cursor;
  return firstOf(queues.find((other) => other > cursor.queue));
}

function firstOf(queue: string | undefined): Cursor | null {
  return queue === undefined ? null : { queue, id: "-" };
}

/** Answers how many that have not ended match. */
export function countSchedules({ ledger, schedules }: ListDeps): Handler {
  return async (c) => {
    const query = validateQuery(countSchedulesQuery, c.req.queries());
    const queues = query.queue === undefined ? await ledger.queues() : [query.queue];
    const count = await schedules.count(queues, query.until ?? null);
    return c.json({ count } satisfies Count);
  };
}

interface Cursor {
  readonly queue: string;
  /** The last id that was looked at; `-` before the first. */
  readonly id: string;
}

function encodeCursor({ queue, id }: Cursor): string {
  return `${queue}/${id}`;
}

/** @throws SignalboxError `invalid_request` */
function decodeCursor(text: string): Cursor {
  const [queue = "", id = "", ...more] = text.split("/");
  if (queueNamePattern.test(queue) && scheduleIdPattern.test(id) && more.length === 0)
    return { queue, id };
  throw new SignalboxError("invalid_request", "cursor: expected the cursor of an earlier page");
}
