/**
 * The times of a cron expression by brute force: compares every minute of a span with the fields, and applies daylight
 * saving as `protocol/schedule/cron.ts` states it, knowing only the zone's offsets.
 */

import type { CronClock } from "../../protocol/schedule/cron.ts";

/** A parsed expression; each field lists all values that it matches. `isDay` stands for both day fields. */
export interface CronFields {
  readonly text: string;
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly isDay: (day: number, weekday: number, lastDay: number) => boolean;
  /** Whether it is a time of day: no `*` and no step among minutes and hours. */
  readonly isFixed: boolean;
}

const minuteMs = 60_000;
/** The step at which offsets are looked up: clocks change only on quarters of an hour. */
const slotMs = 15 * minuteMs;

/** The local time of a zone, as the milliseconds of a UTC date that shows the same time. */
export function wallClock(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  const offsets = new Map<number, number>();
  return (ms) => {
    const slot = Math.floor(ms / slotMs) * slotMs;
    let offset = offsets.get(slot);
    if (offset === undefined) {
      const parts = format.formatToParts(slot);
      const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
      const wall = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"));
      offset = wall - slot;
      offsets.set(slot, offset);
    }
    return ms + offset;
  };
}

/** All times after `fromMs` and up to `toMs`, to the minute. */
export function timesOf(
  fields: CronFields,
  wall: (ms: number) => number,
  fromMs: number,
  toMs: number,
): readonly number[] {
  const found: number[] = [];
  for (let at = Math.floor(fromMs / minuteMs) * minuteMs + minuteMs; at <= toMs; at += minuteMs) {
    const here = wall(at);
    const jump = here - wall(at - minuteMs) - minuteMs;
    if (!fields.isFixed) {
      if (matches(fields, here)) found.push(at);
    } else if (jump > 0) {
      const skipped = Array.from({ length: jump / minuteMs + 1 }, (_, k) => here - k * minuteMs);
      if (skipped.some((each) => matches(fields, each))) found.push(at);
    } else if (matches(fields, here) && !wasShownBefore(wall, at, here)) found.push(at);
  }
  return found;
}

/** Whether the clocks have shown this local time before: they were put back in the last three hours. */
function wasShownBefore(wall: (ms: number) => number, at: number, shown: number): boolean {
  for (let back = slotMs; back <= 3 * 60 * minuteMs; back += slotMs) {
    if (wall(at - back) === shown) return true;
  }
  return false;
}

function matches({ minutes, hours, months, isDay }: CronFields, wallMs: number): boolean {
  const date = new Date(wallMs);
  if (!minutes.has(date.getUTCMinutes()) || !hours.has(date.getUTCHours())) return false;
  if (!months.has(date.getUTCMonth() + 1)) return false;
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return isDay(date.getUTCDate(), date.getUTCDay(), last);
}

/** All numbers from `from` to `to`, by `step`. */
export function range(from: number, to: number, step = 1): ReadonlySet<number> {
  const length = Math.floor((to - from) / step) + 1;
  return new Set(Array.from({ length }, (_, k) => from + k * step));
}

/** Every day. */
export const anyDay = (): boolean => true;

const dayMs = 86_400_000;

/** Times of day about midnight and about the hours at which clocks change. */
const timesOfDay: readonly CronFields[] = [
  timeOfDay("30 23 * * *", [30], [23]),
  timeOfDay("0 23 * * *", [0], [23]),
  { ...timeOfDay("59 23 * * SAT", [59], [23]), isDay: (_day, weekday) => weekday === 6 },
  timeOfDay("15,45 22-23 * * *", [15, 45], [22, 23]),
  timeOfDay("0 0 * * *", [0], [0]),
  timeOfDay("30 0 * * *", [30], [0]),
  timeOfDay("30 2 * * *", [30], [2]),
];

function timeOfDay(text: string, minutes: readonly number[], hours: readonly number[]): CronFields {
  return {
    text,
    minutes: new Set(minutes),
    hours: new Set(hours),
    months: range(1, 12),
    isDay: anyDay,
    isFixed: true,
  };
}

/**
 * Compares times of day with the oracle about each change of a zone's clocks from the start of one year to that of
 * another, forwards and backwards. Answers where they differ.
 */
export function differencesNearChanges(
  clock: CronClock,
  timeZone: string,
  fromYear: number,
  toYear: number,
): readonly string[] {
  const wall = wallClock(timeZone);
  const found: string[] = [];
  const offsetAt = (ms: number) => wall(ms) - ms;
  for (let at = Date.UTC(fromYear, 0); at < Date.UTC(toYear, 0); at += dayMs) {
    if (offsetAt(at) === offsetAt(at - dayMs)) continue;
    const [from, to] = [at - 3 * dayMs, at + 2 * dayMs];
    for (const fields of timesOfDay) {
      const expression = { cron: fields.text, timeZone };
      const wanted = timesOf(fields, wall, from, to).join(" ");
      const forwards: number[] = [];
      let next = clock.after(expression, from);
      for (; next !== null && next <= to; next = clock.after(expression, next)) forwards.push(next);
      const backwards = [...clock.upTo(expression, to, from, 100)].reverse();
      if (forwards.join(" ") !== wanted || backwards.join(" ") !== wanted)
        found.push(`${fields.text} in ${timeZone} near ${new Date(at).toISOString()}`);
    }
  }
  return found;
}
