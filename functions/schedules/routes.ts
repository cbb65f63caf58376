/** `/v1/schedules`: make, replace, read, list, count, delete. */
import type { Context, Handler } from "hono";
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import { queueNamePattern, scheduleIdPattern } from "../../protocol/wire/names.ts";
import { parseSchedule } from "../../protocol/schedule/schedule.ts";
import { readJson } from "../http/body.ts";
import { findSchedule, requireSchedule, noSchedule, type ScheduleDeps } from "./find.ts";
import { pageLimit } from "../http/page-limit.ts";
import { queueName, time } from "../jobs/request.ts";
import { scheduleId, scheduleRequest, toScheduleSpec, type ScheduleRequest } from "./request.ts";
import { scheduleLine, scheduleView, type ScheduleView } from "./view.ts";
import { objectError, validate, validateQuery } from "../http/validation.ts";

const maxBytes = 131_072;
/** How deep a request is without its payload: it may hold a list of delays. */
const envelopeDepth = 3;
/** How many requests to Redis one page may cost: each looks at 1,000 schedules. */
const maxRounds = 10;

/** Milliseconds since 1970 or RFC 3339, as text of a query. */
const until = z
  .string()
  .transform((text) => (/^\d+$/.test(text) ? Number(text) : text))
  .pipe(time("until"));
/** Query of `GET /v1/schedules`. */
export const listSchedulesQuery = z.strictObject(
  {
    queue: queueName.exactOptional(),
    until: until.exactOptional(),
    cursor: z.string().exactOptional(),
    limit: pageLimit,
  },
  { error: objectError("a query of queue, until, cursor and limit") },
);
/** Query of `GET /v1/schedules/count`. */
export const countSchedulesQuery = z.strictObject(
  { queue: queueName.exactOptional(), until: until.exactOptional() },
  { error: objectError("a query of queue and until") },
);
const noQuery = z.strictObject({}, { error: objectError("no query: the body says it all") });

/** 201 with a new schedule, 200 with one that was there; `outcome` is created, replaced or unchanged. */
export function putSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const id = validate(scheduleId, c.req.param("id"));
    const request = await readRequest(deps, c);
    if (request.id !== undefined && request.id !== id) {
      throw new SignalboxError("invalid_request", "id: expected no other id than that of the path");
    }
    return answerPut(deps, c, id, request);
  };
}

/** The same with an id that is given, comes as `Idempotency-Key`, or is made. */
export function postSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const request = await readRequest(deps, c);
    const key = c.req.header("idempotency-key");
    const id = request.id ?? (key === undefined ? deps.newId() : validate(scheduleId, key));
    return answerPut(deps, c, id, request);
  };
}

async function readRequest({ config }: ScheduleDeps, c: Context): Promise<ScheduleRequest> {
  validateQuery(noQuery, c.req.queries());
  const { value } = await readJson(c.req.raw, {
    maxBytes,
    maxDepth: Math.max(config.maxDepth + 1, envelopeDepth),
  });
  return validate(scheduleRequest, value);
}

async function answerPut(
  { schedules, config, newId }: ScheduleDeps,
  c: Context,
  id: string,
  request: ScheduleRequest,
): Promise<Response> {
  const spec = toScheduleSpec(id, request, config);
  const max = config.maxSchedules;
  const [answer] = await schedules.put([spec], { source: "http", nonce: newId(), max });
  if (answer === undefined) throw new SignalboxError("internal", "expected an answer");
  const { verdict } = answer;
  if (verdict === "foreign") throw declared(id);
  if (verdict === "full") {
    throw new SignalboxError(
      "schedules_full",
      `expected at most ${max} schedules in queue ${spec.queue}: delete some, or raise SIGNALBOX_MAX_SCHEDULES`,
    );
  }
  const found = await schedules.read([spec.queue], id);
  if (found === null) throw noSchedule();
  const query = new URLSearchParams({ queue: spec.queue }).toString();
  c.header("location", `/v1/schedules/${encodeURIComponent(id)}?${query}`);
  const view = { outcome: verdict, ...scheduleView(spec.queue, found.schedule) };
  return c.json(view, verdict === "created" ? 201 : 200);
}

function declared(id: string): SignalboxError {
  return new SignalboxError(
    "schedule_declared",
    `expected a schedule that was made over HTTP; ${id} is declared in the code that is deployed: change it there`,
  );
}

export function readSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const { queue, schedule } = await requireSchedule(deps, c);
    return c.json(scheduleView(queue, schedule));
  };
}

/** Whether it is there and has runs to come. Never 404: that is an answer here. */
export function isScheduled(deps: ScheduleDeps): Handler {
  return async (c) => {
    const found = await findSchedule(deps, c);
    if (found === null) return c.json({ scheduled: false });
    const { nextAt = null, state = null } = scheduleLine(found.queue, found.schedule);
    return c.json({
      scheduled: found.schedule.state === "active",
      queue: found.queue,
      state,
      nextAt,
    });
  };
}

/** 200 with whether it existed. The jobs that it made stay. */
export function deleteSchedule(deps: ScheduleDeps): Handler {
  return async (c) => {
    const found = await findSchedule(deps, c);
    if (found === null) return c.json({ id: c.req.param("id"), existed: false });
    const [outcome] = await deps.schedules.delete(found.queue, [found.id], "http");
    if (outcome === "foreign") throw declared(found.id);
    // Seen, then unknown: our call was repeated. Either way it is deleted.
    return c.json({ id: found.id, queue: found.queue, existed: true });
  };
}

/** A page by queue and id. `until`: only those whose next run is due by then. `cursor` is null at the end alone. */
export function listSchedules({ ledger, schedules }: ScheduleDeps): Handler {
  return async (c) => {
    const query = validateQuery(listSchedulesQuery, c.req.queries());
    const cursor = query.cursor === undefined ? null : decodeCursor(query.cursor);
    const queues = query.queue === undefined ? [...(await ledger.queues())].sort() : [query.queue];
    const before = query.until === undefined ? "-" : String(query.until);
    const rows: ScheduleView[] = [];
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
    return c.json({ schedules: rows, cursor: at === null ? null : encodeCursor(at) });
  };
}

/** A cursor is the caller's word: of a queue that is not among those asked for, nothing is shown. */
function placeOf(cursor: Cursor, queues: readonly string[]): Cursor | null {
  if (queues.includes(cursor.queue)) return cursor;
  return firstOf(queues.find((other) => other > cursor.queue));
}

function firstOf(queue: string | undefined): Cursor | null {
  return queue === undefined ? null : { queue, id: "-" };
}

export function countSchedules({ ledger, schedules }: ScheduleDeps): Handler {
  return async (c) => {
    const query = validateQuery(countSchedulesQuery, c.req.queries());
    const queues = query.queue === undefined ? await ledger.queues() : [query.queue];
    return c.json({ count: await schedules.count(queues, query.until ?? null) });
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
