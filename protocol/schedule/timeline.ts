/** The times of a schedule: pure arithmetic in milliseconds since 1970. Cron times come from `cron.ts`. */
import { unreachable } from "../error.ts";
import type { CronClock } from "./cron.ts";
import type { Plan } from "./schedule.ts";

/** All times of one schedule. */
export interface Timeline {
  /** The first time after `ms`; null if there is none. */
  readonly after: (ms: number) => number | null;
  /** Up to `n` times at or before `ms` and after `floor`, newest first. */
  readonly upTo: (ms: number, floor: number, n: number) => readonly number[];
}

/** The times of `plan` within its start and end. The plan was made or last changed at `anchorMs`. */
export function timelineOf(
  plan: Pick<Plan, "rule" | "startMs" | "endMs">,
  anchorMs: number,
  clock: CronClock,
): Timeline {
  const { startMs = -Infinity, endMs = Infinity } = plan;
  const times = unbounded(plan, anchorMs, clock);
  return {
    after: (ms) => {
      const found = times.after(Math.max(ms, startMs - 1));
      return found === null || found > endMs ? null : found;
    },
    upTo: (ms, floor, n) => times.upTo(Math.min(ms, endMs), Math.max(floor, startMs - 1), n),
  };
}

/** The times of a rule, without regard to the start and end of its plan. */
function unbounded(
  { rule, startMs }: Pick<Plan, "rule" | "startMs">,
  anchorMs: number,
  clock: CronClock,
): Timeline {
  switch (rule.kind) {
    case "at":
      return single(rule.atMs);
    case "in":
      return single(anchorMs + rule.inMs);
    case "every":
      return grid(rule.aligned === true ? 0 : (startMs ?? anchorMs), rule.everyMs);
    case "cron":
      return {
        after: (ms) => clock.after(rule, ms),
        upTo: (ms, floor, n) => clock.upTo(rule, ms, floor, n),
      };
    default:
      return unreachable(rule);
  }
}

function single(at: number): Timeline {
  return {
    after: (ms) => (at > ms ? at : null),
    upTo: (ms, floor) => (at <= ms && at > floor ? [at] : []),
  };
}

/** `base + k * step` for k = 0, 1, …, computed from the base each time, so that no error adds up. */
function grid(base: number, step: number): Timeline {
  return {
    after: (ms) => (ms < base ? base : base + (Math.floor((ms - base) / step) + 1) * step),
    upTo: (ms, floor, n) => {
      const last = Math.floor((ms - base) / step);
      const first = Math.max(0, Math.floor((floor - base) / step) + 1);
      const length = Math.max(0, Math.min(n, last - first + 1));
      return Array.from({ length }, (_, back) => base + (last - back) * step);
    },
  };
}

/**
 * By how much the run of time `at` is delayed: 0 to `jitterMs`, the same for every caller. FNV-1a with a final mix,
 * because neighbouring times differ in few bits.
 */
export function jitterOf(id: string, at: number, jitterMs: number): number {
  if (jitterMs === 0) return 0;
  let hash = 0x811c9dc5;
  for (const character of `${id} ${at}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return ((hash ^ (hash >>> 16)) >>> 0) % (jitterMs + 1);
}
