/**
 * A schedule: a stored rule that makes jobs. What it says, and the record in which the ledger keeps it (see
 * `scripts/lua/schedule.ts` and `docs/protocol.md`). When its times are is `timeline.ts`'s.
 */
import { SignalboxError } from "../error.ts";
import type { ScheduledRun } from "../wire/catalog.ts";
import {
  contentOf,
  encodeOptions,
  encodePayload,
  decodeBody,
  type JobSpec,
  type RunOf,
} from "../wire/job.ts";
import { canonicalJson, type Json } from "../wire/json.ts";

/** When a schedule's times are. `anchor` below is when it was made, or last changed. */
export type Rule =
  /** Once. */
  | { readonly kind: "at"; readonly atMs: number }
  /** Once, so long after the anchor. */
  | { readonly kind: "in"; readonly inMs: number }
  /**
   * At `base + k * everyMs`, k = 0, 1, …: without drift. The base is 0 (1970) if aligned, else `startMs`,
   * else the anchor. At least 1,000.
   */
  | { readonly kind: "every"; readonly everyMs: number; readonly aligned?: boolean }
  /** Cron, five or six fields, in an IANA time zone. */
  | { readonly kind: "cron"; readonly cron: string; readonly timeZone: string };

/** What to do about times that passed unseen while a newer one is due. `latest`: the newest one is run. */
export type MissedPolicy = "skip" | "latest" | "all";
/** What to do when a time comes while the previous run has not ended. */
export type OverlapPolicy = "allow" | "skip" | "queue" | "cancel";

/** Everything about the times of a schedule, and none of what it runs. */
export interface Plan {
  readonly rule: Rule;
  /** No time before this, in milliseconds since 1970. */
  readonly startMs?: number;
  /** No time after this. */
  readonly endMs?: number;
  /** Ends after so many runs. */
  readonly count?: number;
  /** Each run is put off by up to so long; how long follows from id and time. 0 to 3,600,000. */
  readonly jitterMs?: number;
  readonly missed: MissedPolicy;
  /** At most so many runs at once for `all`: the newest ones. 1 to 1,000. */
  readonly maxMissed: number;
  /** A run made later than this is `late`, and missed if it is not the newest. */
  readonly graceMs: number;
  readonly overlap: OverlapPolicy;
  /** How many lines of history are kept, 0 to 100. */
  readonly keepHistory: number;
}

/** @default for what a definition leaves unsaid */
export const defaultPlan = {
  missed: "latest",
  maxMissed: 100,
  graceMs: 90_000,
  overlap: "allow",
  keepHistory: 20,
} as const satisfies Partial<Plan>;

/** What each run is. */
export type Template = Pick<
  JobSpec,
  "name" | "node" | "payload" | "attempts" | "backoff" | "timeoutMs"
> & {
  /** By when each run must have been started, in milliseconds from when it was made. */
  readonly ttlMs?: number;
};

/** What a caller asks for. */
export interface ScheduleSpec {
  readonly id: string;
  readonly queue: string;
  readonly plan: Plan;
  readonly job: Template;
}

/** Who made it: a caller, or the list that is deployed with the function. */
export type ScheduleSource = "http" | "declared";
export type ScheduleState = "active" | "paused" | "ended" | "faulty";

/** The part of a record that says when; payloads are not in it. */
export interface Clockwork {
  readonly id: string;
  readonly state: ScheduleState;
  /** Unique to each state of the record: changes are made by compare-and-set on it. */
  readonly version: string;
  /** When it was made, or given another plan: milliseconds since 1970. */
  readonly anchorMs: number;
  /** Its times up to here have been dealt with; null before the first look. */
  readonly coversMs: number | null;
  /** The next run was moved to this time. */
  readonly movedMs: number | null;
  /** Its next time, known from the last look; jitter is not in it. */
  readonly nextMs: number | null;
  /** How many runs it has made. */
  readonly made: number;
  /** The job that was made last. */
  readonly lastRun: string | null;
  readonly overlap: OverlapPolicy;
  readonly source: ScheduleSource;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Times whose runs wait for the previous one to end. */
  readonly waiting: readonly number[];
  readonly plan: Plan;
}

/** A whole record. */
export interface StoredSchedule extends Clockwork {
  readonly job: Template;
  /** Why it is `faulty`. */
  readonly error: string | null;
}

/** The member of a schedule in the set of what is due. */
export function dueMember(id: string): string {
  return `/${id}`;
}

/** What a job says of its schedule, with all that it leaves unsaid. */
export function scheduledRun(run: RunOf): ScheduledRun {
  const { id, at: scheduledAt, late = false, backfilled = false, manual = false } = run;
  return { id, scheduledAt, late, backfilled, manual };
}

/**
 * The lines of a record after its head, without the error. The same text means: nothing has changed.
 * @param options those of the runs, with their signature if they have one
 */
export function encodeContent(
  { plan, job }: Pick<ScheduleSpec, "plan" | "job">,
  options: string = encodeOptions(job),
): string {
  return [
    canonicalJson(plan as unknown as Json),
    `${job.name} ${job.node ?? "-"} ${job.ttlMs ?? "-"}`,
    options,
    encodePayload(job.payload),
  ].join("\n");
}

const states: Readonly<Record<string, ScheduleState>> = {
  A: "active",
  P: "paused",
  E: "ended",
  F: "faulty",
};

/** The letter of a state in a record. */
export const stateLetters = { active: "A", paused: "P", ended: "E", faulty: "F" } as const;

/**
 * Reads the first two lines of a record.
 * @throws SignalboxError `reply_unexpected`
 */
export function parseClockwork(id: string, text: string): Clockwork {
  const [head = "", plan = ""] = text.split("\n", 2);
  const [letter = "", version, anchor, covers, moved, next, made, last, overlap, ...rest] =
    head.split(" ");
  const [source, created, updated, waiting] = rest;
  const state = states[letter];
  if (state === undefined || waiting === undefined) throw unreadable(head);
  return {
    id,
    state,
    version: version ?? "",
    anchorMs: Number(anchor),
    coversMs: moment(covers),
    movedMs: moment(moved),
    nextMs: moment(next),
    made: Number(made),
    lastRun: last === "-" ? null : (last ?? null),
    overlap: overlap as OverlapPolicy,
    source: source as ScheduleSource,
    createdMs: Number(created),
    updatedMs: Number(updated),
    waiting: waiting === "-" ? [] : waiting.split(",").map((run) => Number.parseInt(run, 10)),
    plan: parsePlan(plan),
  };
}

/** @throws SignalboxError `reply_unexpected` */
export function parseSchedule(id: string, text: string): StoredSchedule {
  const [, , line = "", options = "", payload = "}", ...error] = text.split("\n");
  const [name = "", node, ttl] = line.split(" ");
  return {
    ...parseClockwork(id, text),
    job: {
      name,
      ...(node === "-" || node === undefined ? {} : { node }),
      ...(ttl === "-" || ttl === undefined ? {} : { ttlMs: Number(ttl) }),
      ...contentOf(decodeBody(options + payload)),
    },
    error: error.join(" ") === "" ? null : error.join(" "),
  };
}

function parsePlan(text: string): Plan {
  try {
    return JSON.parse(text) as Plan;
  } catch {
    throw unreadable(text);
  }
}

function moment(word: string | undefined): number | null {
  return word === undefined || word === "-" ? null : Number(word);
}

function unreadable(text: string): SignalboxError {
  return new SignalboxError(
    "reply_unexpected",
    `expected the record of a schedule, got one that starts ${JSON.stringify(text.slice(0, 40))}`,
  );
}
