/** Schedules as callers see them. Times are ISO 8601, by Redis's clock. */
import type { Json } from "../../protocol/wire/json.ts";
import type { JobState } from "../../protocol/wire/job.ts";
import { phases } from "../../protocol/wire/record.ts";
import type { StoredSchedule } from "../../protocol/schedule/schedule.ts";
import { dueTime, nextTimes } from "../../protocol/schedule/plan.ts";
import type { HistoryReply } from "../../protocol/scripts/read-history.ts";

/** A line of `GET /v1/schedules`, and the first part of every schedule. */
export type ScheduleView = Readonly<Record<string, Json>>;

/** How many of its next times a schedule shows. */
const shownTimes = 5;

/** A schedule without what its runs carry. */
export function scheduleLine(queue: string, schedule: StoredSchedule): ScheduleView {
  const { id, state, job, made, lastRun, source, createdMs, updatedMs, nextMs, error } = schedule;
  const next = state === "active" ? nextMs : null;
  return {
    ...{ id, queue, state, name: job.name },
    nextAt: next === null ? null : iso(next),
    ...rule(schedule),
    runs: made,
    lastRun,
    ...(schedule.waiting.length === 0 ? {} : { waiting: schedule.waiting.map(iso) }),
    ...(error === null ? {} : { error }),
    ...{ source, createdAt: iso(createdMs), updatedAt: iso(updatedMs) },
  };
}

/** All of it. `dueAt` differs from `nextAt` by the jitter. */
export function scheduleView(queue: string, schedule: StoredSchedule): ScheduleView {
  const { plan, job, nextMs } = schedule;
  const { missed, maxMissed, graceMs, overlap, keepHistory, count, jitterMs } = plan;
  const isMoved = schedule.movedMs !== null;
  return {
    ...scheduleLine(queue, schedule),
    dueAt: nextMs === null ? null : iso(isMoved ? nextMs : dueTime(schedule, nextMs)),
    next: nextTimes(schedule, shownTimes).map(iso),
    ...(isMoved ? { moved: true } : {}),
    ...(count === undefined ? {} : { count }),
    ...(jitterMs === undefined ? {} : { jitterMs }),
    ...{ missed, maxMissed, graceMs, overlap, keepHistory },
    ...(job as unknown as Readonly<Record<string, Json>>),
  };
}

function rule({ plan }: StoredSchedule): ScheduleView {
  const { rule: given, startMs, endMs } = plan;
  const bounds = {
    ...(startMs === undefined ? {} : { startAt: iso(startMs) }),
    ...(endMs === undefined ? {} : { endAt: iso(endMs) }),
  };
  switch (given.kind) {
    case "at":
      return { runAt: iso(given.atMs), ...bounds };
    case "in":
      return { delayMs: given.inMs, ...bounds };
    case "every":
      return { everyMs: given.everyMs, aligned: given.aligned ?? false, ...bounds };
    case "cron":
      return { cron: given.cron, timeZone: given.timeZone, ...bounds };
  }
}

/** One line of a schedule's history as the script wrote it. */
interface Line {
  readonly at: number;
  readonly to?: number;
  readonly late?: true;
  readonly backfilled?: true;
  readonly manual?: true;
  readonly id?: string;
  readonly made?: number;
  readonly skipped?: string;
  readonly seen?: number;
}

/** What a schedule did last, newest first: runs and their states, and times that were not run. */
export function historyView({ lines, states }: HistoryReply): readonly ScheduleView[] {
  return lines.map((text) => {
    const { at, to, late, backfilled, manual, id, made, skipped, seen } = JSON.parse(text) as Line;
    if (id === undefined) {
      return {
        scheduledAt: iso(at),
        ...(to === undefined ? {} : { until: iso(to) }),
        skipped: skipped ?? "",
        seenAt: iso(seen ?? at),
      };
    }
    return {
      ...{ scheduledAt: iso(at), job: id, state: stateOf(states.get(id) ?? "") },
      madeAt: iso(made ?? at),
      ...{ late: late ?? false, backfilled: backfilled ?? false, manual: manual ?? false },
    };
  });
}

/** Null once the job itself is forgotten. */
function stateOf(word: string): JobState | null {
  if (word === "") return null;
  return phases[word] ?? (word as JobState);
}

/** ISO 8601 in UTC. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
