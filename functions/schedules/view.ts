/** Schedules as callers see them; the types are those of `protocol/api/schedules.ts`. Times are ISO 8601, by Redis's clock. */
import type {
  HistoryLine,
  RuleView,
  ScheduleLine,
  ScheduleView,
} from "../../protocol/api/schedules.ts";
import { SignalboxError } from "../../protocol/error.ts";
import { nextTimes } from "../../protocol/schedule/plan.ts";
import type { Rule, StoredSchedule } from "../../protocol/schedule/schedule.ts";
import { dueTime } from "../../protocol/schedule/step.ts";
import type { HistoryReply } from "../../protocol/scripts/read-history.ts";
import type { JobState } from "../../protocol/wire/job.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import { phases } from "../../protocol/wire/record.ts";

/** How many of its next times a schedule shows. */
const shownTimes = 5;

/** A schedule without what its runs carry. */
export function scheduleLine(queue: string, schedule: StoredSchedule): ScheduleLine {
  const { id, state, job, made, lastRun, source, createdMs, updatedMs, error } = schedule;
  const { plan, waiting } = schedule;
  const nextMs = state === "active" ? schedule.nextMs : null;
  return {
    id,
    queue,
    state,
    name: job.name,
    nextAt: nextMs === null ? null : iso(nextMs),
    ...ruleView(plan.rule),
    ...omitUndefined({ startAt: optionalIso(plan.startMs), endAt: optionalIso(plan.endMs) }),
    runs: made,
    lastRun,
    ...omitUndefined({
      waiting: waiting.length === 0 ? undefined : waiting.map(iso),
      error: error ?? undefined,
    }),
    source,
    createdAt: iso(createdMs),
    updatedAt: iso(updatedMs),
  };
}

/** All of a schedule. */
export function scheduleView(queue: string, schedule: StoredSchedule): ScheduleView {
  const { plan, job, nextMs } = schedule;
  const { missed, maxMissed, graceMs, overlap, keepHistory, count, jitterMs } = plan;
  const isMoved = schedule.movedMs !== null;
  return {
    ...scheduleLine(queue, schedule),
    dueAt: nextMs === null ? null : iso(isMoved ? nextMs : dueTime(schedule, nextMs)),
    next: nextTimes(schedule, shownTimes).map(iso),
    ...(isMoved ? { moved: true as const } : {}),
    ...omitUndefined({ count, jitterMs }),
    missed,
    maxMissed,
    graceMs,
    overlap,
    keepHistory,
    ...job,
  };
}

function ruleView(rule: Rule): RuleView {
  switch (rule.kind) {
    case "at":
      return { runAt: iso(rule.atMs) };
    case "in":
      return { delayMs: rule.inMs };
    case "every":
      return { everyMs: rule.everyMs, aligned: rule.aligned ?? false };
    case "cron":
      return { cron: rule.cron, timeZone: rule.timeZone };
  }
}

/** One line of a schedule's history, as `apply-steps` writes it: a run, or times that were not run. */
type Line =
  | {
      readonly at: number;
      readonly id: string;
      readonly made: number;
      readonly late?: true;
      readonly backfilled?: true;
      readonly manual?: true;
    }
  | {
      readonly at: number;
      readonly to?: number;
      readonly skipped: string;
      readonly seen: number;
    };

/**
 * What a schedule did last, newest first: runs and their states, and times that were not run.
 * @throws SignalboxError `reply_unexpected`
 */
export function historyView({ lines, states }: HistoryReply): readonly HistoryLine[] {
  return lines.map((text): HistoryLine => {
    const line = JSON.parse(text) as Line;
    if ("id" in line) {
      const { at, id, made, late = false, backfilled = false, manual = false } = line;
      return {
        scheduledAt: iso(at),
        job: id,
        state: stateOf(states.get(id)),
        madeAt: iso(made),
        late,
        backfilled,
        manual,
      };
    }
    if (!("skipped" in line))
      throw new SignalboxError("reply_unexpected", `expected a line of history, got ${text}`);
    const { at, to, skipped, seen } = line;
    return {
      scheduledAt: iso(at),
      ...omitUndefined({ until: optionalIso(to) }),
      skipped,
      seenAt: iso(seen),
    };
  });
}

/** Null once the job itself is forgotten. */
function stateOf(word: string | undefined): JobState | null {
  if (word === undefined || word === "") return null;
  return phases[word] ?? (word as JobState);
}

/** ISO 8601 in UTC. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function optionalIso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : iso(ms);
}
