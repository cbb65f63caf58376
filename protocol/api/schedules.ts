/** What the routes of schedules answer. */
import type { Plan, ScheduleSource, ScheduleState, Template } from "../schedule/schedule.ts";
import type { JobState } from "../wire/job.ts";

/** When a schedule runs: the fields of one kind of rule, as they were given. */
export type RuleView =
  | { readonly runAt: string }
  | { readonly delayMs: number }
  | { readonly everyMs: number; readonly aligned: boolean }
  | { readonly cron: string; readonly timeZone: string };

/** The fields of any rule: which of them are set says which kind it is. */
export interface RuleFields {
  readonly runAt?: string;
  readonly delayMs?: number;
  readonly everyMs?: number;
  readonly aligned?: boolean;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly startAt?: string;
  readonly endAt?: string;
}

/**
 * A schedule as lists show it: without what its runs carry.
 * @example for await (const { id, nextAt } of client.schedules.list()) console.log(id, nextAt); // each a ScheduleLine
 */
export interface ScheduleLine extends RuleFields {
  readonly id: string;
  readonly queue: string;
  readonly state: ScheduleState;
  /** The name of its jobs. */
  readonly name: string;
  /** Its next run; null while it is not active. */
  readonly nextAt: string | null;
  /** How many runs it has made. */
  readonly runs: number;
  /** The id of the job that was made last. */
  readonly lastRun: string | null;
  /** Times whose runs wait for the previous one to end. */
  readonly waiting?: readonly string[];
  /** Why it is `faulty`. */
  readonly error?: string;
  readonly source: ScheduleSource;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/**
 * All of a schedule: its line, its times, what to do about missed ones, and what its runs carry.
 * @example const { next, dueAt }: ScheduleView = await client.schedules.get("nightly");
 */
export interface ScheduleView
  extends ScheduleLine, Omit<Plan, "rule" | "startMs" | "endMs">, Omit<Template, "name"> {
  /** When its next run is due; differs from `nextAt` by the jitter. */
  readonly dueAt: string | null;
  /** The next times, at most five. */
  readonly next: readonly string[];
  /** Set where the next run was moved. */
  readonly moved?: true;
}

/**
 * A schedule that was put, and whether that changed anything.
 * @example const { outcome }: PutSchedule = await client.schedules.put("nightly", { name: "report", cron: "0 2 * * *" });
 */
export interface PutSchedule extends ScheduleView {
  readonly outcome: "created" | "replaced" | "unchanged";
}

/** A page of schedules, by queue and id; `cursor` is null only at the end. */
export interface SchedulePage {
  readonly schedules: readonly ScheduleLine[];
  readonly cursor: string | null;
}

/** How many schedules match. */
export interface Count {
  readonly count: number;
}

/** The times of a rule. */
export interface Times {
  readonly times: readonly string[];
}

/** Whether a schedule exists and has runs to come; the other fields are set where it exists. */
export interface IsScheduled {
  readonly scheduled: boolean;
  readonly queue?: string;
  readonly state?: string | null;
  readonly nextAt?: string | null;
}

/** Whether a deleted schedule existed, and in which queue. */
export interface ScheduleDeleted {
  readonly id: string;
  readonly queue?: string;
  readonly existed: boolean;
}

/** The job of a run that was asked for by hand. */
export interface RunMade {
  readonly id: string;
  readonly queue: string;
  readonly job: string;
}

/**
 * A run in a schedule's history.
 * @example const late = history.filter((line): line is RanLine => "job" in line && line.late);
 */
export interface RanLine {
  readonly scheduledAt: string;
  /** The id of its job. */
  readonly job: string;
  /** The state of its job; null once that is forgotten. */
  readonly state: JobState | null;
  readonly madeAt: string;
  /** Made later than the schedule's grace allows. */
  readonly late: boolean;
  /** Made when a newer time was due as well. */
  readonly backfilled: boolean;
  /** Asked for by hand. */
  readonly manual: boolean;
}

/**
 * A time, or a span of times, that was not run.
 * @example const skipped = history.filter((line): line is SkippedLine => "skipped" in line);
 */
export interface SkippedLine {
  readonly scheduledAt: string;
  /** The last time of the span. */
  readonly until?: string;
  /** Why. */
  readonly skipped: string;
  readonly seenAt: string;
}

/**
 * A line of a schedule's history.
 * @example const history: readonly HistoryLine[] = await client.schedules.history("nightly");
 */
export type HistoryLine = RanLine | SkippedLine;

/** What a schedule did last, newest first. */
export interface History {
  readonly id: string;
  readonly queue: string;
  readonly history: readonly HistoryLine[];
}
