/**
 * Cron expressions, by croner: five or six fields (seconds first), names, `L`, `W`, `#`, `@daily` and the like.
 *
 * Daylight saving follows Vixie cron. An expression that names its hours and minutes (no `*` and no step among seconds,
 * minutes and hours) is a time of day: in a skipped hour it runs once, right after the gap; in a repeated hour it runs
 * once, the first time. Any other expression is an interval of real time: nothing runs in an hour that does not exist,
 * and an hour that comes twice counts as two hours.
 */
import { Cron } from "croner";
import { SignalboxError } from "../error.ts";
import { midnightGaps } from "./midnight-gap.ts";

/** How many parsed expressions are cached: each takes 80 kB, and a Worker has 128 MB. */
const maxParsed = 100;
const parsed = new Map<string, Cron>();
const form = /^(@[a-z]+|\S+( +\S+){4,5})$/i;

/** Computes the times of expressions, each time once, and counts what that takes. */
export interface CronClock {
  /** The first time after `ms`, in milliseconds since 1970; null if there is none. */
  readonly after: (expression: CronExpression, ms: number) => number | null;
  /** Up to `n` times at or before `ms` and after `floor`, newest first. */
  readonly upTo: (
    expression: CronExpression,
    ms: number,
    floor: number,
    n: number,
  ) => readonly number[];
  /** How many times were computed so far, plus how many expressions were parsed: each takes about 50 µs. */
  readonly spent: () => number;
  /** How many more may be computed; see `limited`. */
  readonly left: () => number;
}

/** The same clock, to be used for so many more evaluations. */
export function limited(clock: CronClock, evaluations: number): CronClock {
  const before = clock.spent();
  return { ...clock, left: () => evaluations - (clock.spent() - before) };
}

/** An expression and the IANA time zone it is evaluated in. */
export interface CronExpression {
  readonly cron: string;
  readonly timeZone: string;
}

/** A clock for one use, such as a tick. It remembers every answer, because many schedules share few expressions. */
export function createCronClock(): CronClock {
  const known = new Map<string, number | null>();
  let spent = 0;
  return {
    after: (expression, ms) => {
      const key = `${keyOf(expression)}\n${ms}`;
      let found = known.get(key);
      if (found === undefined) {
        spent += isParsed(expression) ? 1 : 2;
        found = parse(expression).nextRun(new Date(ms))?.getTime() ?? null;
        if (found !== null) found = skippedBetween(expression, ms, found)[0] ?? found;
        known.set(key, found);
      }
      return found;
    },
    upTo: (expression, ms, floor, n) => {
      const found: number[] = [];
      if (!isParsed(expression)) spent++;
      const times = parse(expression);
      // croner looks for times before its reference, so the reference is one millisecond later.
      for (let at = ms + 1; found.length < n;) {
        spent++;
        const [before] = times.previousRuns(1, new Date(at));
        const from = Math.max(before?.getTime() ?? -Infinity, floor);
        if (from > -Infinity) found.push(...skippedBetween(expression, from, at).toReversed());
        if (before === undefined || before.getTime() <= floor) break;
        at = before.getTime();
        found.push(at);
      }
      return found.slice(0, n);
    },
    spent: () => spent,
    left: () => Infinity,
  };
}

/** Times between two others that croner does not find. */
function skippedBetween(expression: CronExpression, from: number, to: number): readonly number[] {
  return midnightGaps(expression, from, to, (fromWall, toWall) => {
    const wall = parse({ cron: expression.cron, timeZone: "UTC" });
    const first = wall.nextRun(new Date(fromWall - 1));
    return first !== null && first.getTime() < toWall;
  });
}

function keyOf({ cron, timeZone }: CronExpression): string {
  return `${cron}\n${timeZone}`;
}

function isParsed(expression: CronExpression): boolean {
  return parsed.has(keyOf(expression));
}

/**
 * Parses an expression, or takes it from the cache.
 * @throws SignalboxError `schedule_invalid` for text that is no cron expression, or no time zone
 */
export function parse(expression: CronExpression): Cron {
  const { cron, timeZone } = expression;
  const key = keyOf(expression);
  const before = parsed.get(key);
  if (before !== undefined) return before;
  let made: Cron;
  try {
    // croner would accept a date as well.
    if (!form.test(cron)) throw new Error("expected five or six fields, or a name such as @daily");
    made = new Cron(cron, {
      paused: true,
      mode: "5-or-6-parts",
      fixedTimeRule: "no-wildcard",
      timezone: timeZone,
    });
    made.match(new Date(0)); // throws for an unknown zone
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n", 1)[0] : "";
    throw new SignalboxError(
      "schedule_invalid",
      `expected five or six cron fields and an IANA time zone: ${reason}`,
      { cause },
    );
  }
  const [oldest] = parsed.keys();
  if (parsed.size >= maxParsed && oldest !== undefined) parsed.delete(oldest);
  parsed.set(key, made);
  return made;
}
