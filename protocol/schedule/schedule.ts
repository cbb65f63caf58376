/**
 * A schedule: a stored rule that makes jobs. Owns what a schedule says and the record in which the ledger keeps it (see
 * `lua/shared/schedule-record.lua` and `docs/protocol.md`); `timeline.ts` computes its times, `plan.ts` what to do about them.
 */
import { SignalboxError } from "../error.ts";
import type { ScheduledRun } from "../wire/catalog.ts";
import { contentOf, decodeBody, encodeOptions, encodePayload, type RunOf } from "../wire/job.ts";
import type { RunOptionsOutput } from "../wire/job-options.ts";
import { canonicalJson, type Json } from "../wire/json.ts";
import { omitUndefined } from "../wire/omit-undefined.ts";

/** When a schedule's times are. The anchor is when the schedule was made, or was given another plan. */
export type Rule =
  /** Once. */
  | { readonly kind: "at"; readonly atMs: number }
  /** Once, `inMs` after the anchor. */
  | { readonly kind: "in"; readonly inMs: number }
  /**
   * At `base + k * everyMs`, k = 0, 1, …: without drift. The base is 0 (1970) if aligned, else `startMs`, else the
   * anchor. `everyMs` is at least 1,000.
   */
  | { readonly kind: "every"; readonly everyMs: number; readonly aligned?: boolean }
  /** Cron, five or six fields, in an IANA time zone. */
  | { readonly kind: "cron"; readonly cron: string; readonly timeZone: string };

/**
 * What to do about times that passed during an outage. `latest` runs the newest one; `all` runs up to `maxMissed` of
 * them; `skip` runs the newest one only within the grace.
 */
export type MissedPolicy = "skip" | "latest" | "all";
/**
 * What to do when a time comes while the previous run has not ended: run it as well (`allow`), drop it (`skip`), run it
 * afterwards (`queue`), or cancel the previous run (`cancel`).
 */
export type OverlapPolicy = "allow" | "skip" | "queue" | "cancel";

/** Everything about the times of a schedule, and nothing about what it runs. */
export interface Plan {
  readonly rule: Rule;
  /** No time before this, in milliseconds since 1970. */
  readonly startMs?: number;
  /** No time after this, in milliseconds since 1970. */
  readonly endMs?: number;
  /** The schedule ends after this many runs. */
  readonly count?: number;
  /** Each run is delayed by up to this long, 0 to 3,600,000; how long follows from id and time. */
  readonly jitterMs?: number;
  readonly missed: MissedPolicy;
  /** How many passed times `all` runs in one step, 1 to 1,000: the newest ones. */
  readonly maxMissed: number;
  /** A run made later than this, in milliseconds, is `late`; `skip` then runs nothing. */
  readonly graceMs: number;
  readonly overlap: OverlapPolicy;
  /** How many lines of history are kept, 0 to 100. */
  readonly keepHistory: number;
}

/** What a definition leaves out. */
export const defaultPlan = {
  missed: "latest",
  maxMissed: 100,
  graceMs: 90_000,
  overlap: "allow",
  keepHistory: 20,
} as const satisfies Partial<Plan>;

/** What each run of a schedule is. `ttlMs` counts from when the run was made. */
export interface Template extends Omit<RunOptionsOutput, "queue"> {
  readonly name: string;
  readonly payload?: Json;
}

/** A schedule as a client defines it. */
export interface ScheduleSpec {
  readonly id: string;
  readonly queue: string;
  readonly plan: Plan;
  readonly job: Template;
}

/** What made a schedule: an HTTP request, or the list that is deployed with the function. */
export const scheduleSources = ["http", "declared"] as const;
export type ScheduleSource = (typeof scheduleSources)[number];

export type ScheduleState = "active" | "paused" | "ended" | "faulty";

/**
 * How far a cron schedule has got in making up for times that passed. Finding them takes time, so it is spread over
 * several steps: first backwards, until as many are found as the policy keeps, then forwards, making their runs.
 */
export interface CatchUp {
  /** Times up to here are made up for, in milliseconds since 1970; later ones are dealt with afterwards. */
  readonly untilMs: number;
  /** The oldest time found so far, and how many were found; null once the runs are being made. */
  readonly scan: { readonly oldestMs: number; readonly found: number } | null;
}

/** The part of a record from which times are computed; it holds no payload. Times are milliseconds since 1970. */
export interface Clockwork {
  readonly id: string;
  readonly state: ScheduleState;
  /** Unique to each state of the record: changes are made by compare-and-set on it. */
  readonly version: string;
  /** When it was made, or was given another plan. */
  readonly anchorMs: number;
  /** Its times up to here have been dealt with; null before it is first planned. */
  readonly coversMs: number | null;
  /** To what time its next run was moved; null if it was not. */
  readonly movedMs: number | null;
  /** Its next time, without jitter, as it was last planned; null if it is not known. */
  readonly nextMs: number | null;
  /** How many runs it has made. */
  readonly made: number;
  /** Id of the job that it made last. */
  readonly lastRun: string | null;
  readonly overlap: OverlapPolicy;
  readonly source: ScheduleSource;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Times whose runs wait for the previous one to end. */
  readonly waiting: readonly number[];
  /** Absent or null unless missed times are being made up for. */
  readonly catchUp?: CatchUp | null;
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

/** What a job says about its schedule, with the flags that it leaves out. */
export function scheduledRun(run: RunOf): ScheduledRun {
  const { id, at: scheduledAt, late = false, backfilled = false, manual = false } = run;
  return { id, scheduledAt, late, backfilled, manual };
}

/**
 * The lines of a record after its head, without the error. Two definitions with the same text are the same.
 * @param options the runs' options as JSON text, with their signature if they have one
 */
export function encodeContent(
  { plan, job }: Pick<ScheduleSpec, "plan" | "job">,
  options: string = encodeOptions(job),
): string {
  return [
    canonicalJson({ ...plan }),
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

/** The letter of each state in a record. */
export const stateLetters = { active: "A", paused: "P", ended: "E", faulty: "F" } as const;

const overlapPolicies: readonly OverlapPolicy[] = ["allow", "skip", "queue", "cancel"];

/**
 * Reads the first two lines of a record; further lines are ignored.
 * @throws SignalboxError `reply_unexpected` if they are of another shape
 */
export function parseClockwork(id: string, text: string): Clockwork {
  const [head = "", plan] = text.split("\n", 2);
  const words = head.split(" ");
  const word = (at: number): string => {
    const found = words[at];
    if (found === undefined || found === "") throw unreadable(head);
    return found;
  };
  const ms = (at: number): number => numberIn(word(at), head);
  const optionalMs = (at: number): number | null => (word(at) === "-" ? null : ms(at));
  const state = states[word(0)];
  if (state === undefined || plan === undefined || words.length < 13 || words.length > 14)
    throw unreadable(head);
  return {
    id,
    state,
    version: word(1),
    anchorMs: ms(2),
    coversMs: optionalMs(3),
    movedMs: optionalMs(4),
    nextMs: optionalMs(5),
    made: ms(6),
    lastRun: word(7) === "-" ? null : word(7),
    overlap: oneOf(overlapPolicies, word(8), head),
    source: oneOf(scheduleSources, word(9), head),
    createdMs: ms(10),
    updatedMs: ms(11),
    waiting:
      word(12) === "-"
        ? []
        : word(12)
            .split(",")
            .map((run) => waitingMs(run, head)),
    ...(words.length === 13 ? {} : { catchUp: parseCatchUp(word(13), head) }),
    plan: parsePlan(plan),
  };
}

/** The word of a record that says how far missed times are made up for. */
export function encodeCatchUp(catchUp: CatchUp | null | undefined): string {
  if (catchUp === null || catchUp === undefined) return "-";
  const { untilMs, scan } = catchUp;
  return scan === null ? String(untilMs) : `${untilMs}/${scan.oldestMs}/${scan.found}`;
}

function parseCatchUp(word: string, head: string): CatchUp {
  const [untilMs, oldestMs, found] = word.split("/").map((each) => numberIn(each, head));
  if (untilMs === undefined) throw unreadable(head);
  if (oldestMs === undefined || found === undefined) return { untilMs, scan: null };
  return { untilMs, scan: { oldestMs, found } };
}

/**
 * Reads a whole record, or its first three lines (then the runs have neither options nor payload).
 * @throws SignalboxError `reply_unexpected` if it is of another shape
 * @throws SyntaxError if the options or the payload are not JSON
 */
export function parseSchedule(id: string, text: string): StoredSchedule {
  const [head = "", , line = "", options = "", payload = "}", ...error] = text.split("\n");
  const [name, node, ttl] = line.split(" ");
  if (name === undefined || node === undefined || ttl === undefined) throw unreadable(head);
  return {
    ...parseClockwork(id, text),
    job: {
      name,
      ...omitUndefined({
        node: node === "-" ? undefined : node,
        ttlMs: ttl === "-" ? undefined : numberIn(ttl, line),
      }),
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

/** The time of a run that waits: `<time>:<flags>`. */
function waitingMs(run: string, head: string): number {
  return numberIn(run.slice(0, run.indexOf(":")), head);
}

function numberIn(word: string, line: string): number {
  const value = Number(word);
  if (Number.isNaN(value)) throw unreadable(line);
  return value;
}

function oneOf<Word extends string>(words: readonly Word[], word: string, head: string): Word {
  const found = words.find((each) => each === word);
  if (found === undefined) throw unreadable(head);
  return found;
}

function unreadable(text: string): SignalboxError {
  return new SignalboxError(
    "reply_unexpected",
    `expected the record of a schedule, got one that starts ${JSON.stringify(text.slice(0, 40))}`,
  );
}
