/** `PUT /v1/schedules/:id` and `POST /v1/schedules`: make or replace a schedule. */
import type { Context, Handler } from "hono";
import type { PutSchedule } from "../../protocol/api/schedules.ts";
import { SignalboxError } from "../../protocol/error.ts";
import type { AppDeps } from "../deps.ts";
import { readJson } from "../http/body.ts";
import { validate, validateQuery } from "../http/validation.ts";
import { declaredInCode } from "./find.ts";
import {
  noQuery,
  scheduleId,
  type ScheduleRequest,
  scheduleRequest,
  toScheduleSpec,
} from "./request.ts";
import { scheduleView } from "./view.ts";

const maxBytes = 131_072;
/** How deep a request is without its payload: it may hold a list of delays. */
const envelopeDepth = 3;

type PutDeps = Pick<AppDeps, "schedules" | "config" | "newId">;

/** Answers 201 for a new schedule, 200 for a known one; `outcome` is created, replaced or unchanged. */
export function putSchedule(deps: PutDeps): Handler {
  return async (c) => {
    const id = validate(scheduleId, c.req.param("id"));
    const request = await readRequest(deps, c);
    if (request.id !== undefined && request.id !== id) {
      throw new SignalboxError("invalid_request", "id: expected no other id than that of the path");
    }
    return answerPut(deps, c, id, request);
  };
}

/** The same with an id from the body or `Idempotency-Key`; with neither, one is made. */
export function postSchedule(deps: PutDeps): Handler {
  return async (c) => {
    const request = await readRequest(deps, c);
    const key = c.req.header("idempotency-key");
    const id = request.id ?? (key === undefined ? deps.newId() : validate(scheduleId, key));
    return answerPut(deps, c, id, request);
  };
}

async function readRequest({ config }: PutDeps, c: Context): Promise<ScheduleRequest> {
  validateQuery(noQuery, c.req.queries());
  const { value } = await readJson(c.req.raw, {
    maxBytes,
    maxDepth: Math.max(config.maxDepth + 1, envelopeDepth),
  });
  return validate(scheduleRequest, value);
}

async function answerPut(
  { schedules, config, newId }: PutDeps,
  c: Context,
  id: string,
  request: ScheduleRequest,
): Promise<Response> {
  const spec = toScheduleSpec(id, request, config);
  const max = config.maxSchedules;
  const [answer] = await schedules.put([spec], { source: "http", nonce: newId(), max });
  if (answer === undefined)
    throw new SignalboxError("reply_unexpected", "expected an answer for each schedule");
  const { verdict } = answer;
  if (verdict === "foreign") throw declaredInCode(id);
  if (verdict === "never") {
    throw new SignalboxError(
      "invalid_request",
      "expected a schedule with a run to come; by Redis's clock this one has none: compare its times with startAt and endAt, " +
        "or, for a runAt that has passed, missed: skip",
    );
  }
  if (verdict === "full") {
    throw new SignalboxError(
      "schedules_full",
      `expected at most ${max} schedules in queue ${spec.queue}: delete some, or raise SIGNALBOX_MAX_SCHEDULES`,
    );
  }
  // Deleted between the two calls: it was stored all the same, as the first call answered.
  const found = await schedules.read([spec.queue], id);
  const stored = found?.schedule ?? answer.schedule;
  if (stored === null)
    throw new SignalboxError("reply_unexpected", "expected the schedule that was stored");
  const query = new URLSearchParams({ queue: spec.queue }).toString();
  c.header("location", `/v1/schedules/${encodeURIComponent(id)}?${query}`);
  const view: PutSchedule = {
    outcome: verdict,
    ...scheduleView(spec.queue, stored),
  };
  return c.json(view, verdict === "created" ? 201 : 200);
}
