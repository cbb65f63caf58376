/** `POST /v1/schedules/preview`: when a rule would run. */
import type { Handler } from "hono";
import type { Times } from "../../protocol/api/schedules.ts";
import { createCronClock } from "../../protocol/schedule/cron.ts";
import { timelineOf } from "../../protocol/schedule/timeline.ts";
import type { AppDeps } from "../deps.ts";
import { readJson } from "../http/body.ts";
import { validate } from "../http/validation.ts";
import { previewRequest, toTimes } from "./request.ts";
import { iso } from "./view.ts";

/** Answers the next times of a rule. Nothing is stored; a single time that has passed is not among them. */
export function previewSchedule({ now }: Pick<AppDeps, "now">): Handler {
  return async (c) => {
    const { value } = await readJson(c.req.raw, { maxBytes: 4_096, maxDepth: 1 });
    const request = validate(previewRequest, value);
    const from = request.from ?? now();
    const times = timelineOf(toTimes(request), from, createCronClock());
    const found: string[] = [];
    // A rule that starts at the anchor has its first time there.
    let at: number | null = times.after(request.cron === undefined ? from - 1 : from);
    while (at !== null && found.length < request.count) {
      found.push(iso(at));
      at = times.after(at);
    }
    return c.json({ times: found } satisfies Times);
  };
}
