/**
 * Times of day that a gap of daylight saving skips where the gap ends at midnight or after it, as in Nuuk: croner looks
 * for such a time on the day on which the clocks go on, which is not its day, and loses it.
 */
const dayMs = 86_400_000;
/** Shorter than any stretch of daylight saving: within it, offsets that are equal have not changed. */
const strideMs = 14 * dayMs;
/** How many formats are cached. */
const maxFormats = 100;
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The instants after `fromMs` and before `toMs` at which a gap ends that crosses or ends at midnight and holds a time of
 * `expression`, ascending; `hasTime` says whether a span of local time, written as if it were UTC, holds one.
 */
export function midnightGaps(
  expression: { readonly cron: string; readonly timeZone: string },
  fromMs: number,
  toMs: number,
  hasTime: (fromWall: number, toWall: number) => boolean,
): readonly number[] {
  const { cron, timeZone } = expression;
  if (timeZone === "UTC" || !isLateTimeOfDay(cron)) return [];
  const found: number[] = [];
  for (let from = fromMs; from < toMs; from += strideMs) {
    const end = gapEnd(timeZone, from, Math.min(from + strideMs, toMs));
    if (end === null || end <= fromMs || end >= toMs) continue;
    const [first, last] = [end + offsetAt(timeZone, end - 1), end + offsetAt(timeZone, end)];
    const isMidnight = Math.floor(first / dayMs) !== Math.floor(last / dayMs);
    if (isMidnight && hasTime(first, last)) found.push(end);
  }
  return found;
}

/** Whether an expression names its seconds, minutes and hours, some of them late in the evening. */
function isLateTimeOfDay(cron: string): boolean {
  const fields = cron.trim().split(/ +/);
  if (fields.length < 5) return false;
  const times = fields.slice(0, fields.length - 3);
  const hours = times.at(-1) ?? "";
  if (times.some((field) => /[*/?]/.test(field))) return false;
  return hours.split(/[,-]/).some((hour) => Number(hour) >= 20);
}

/** The first instant after the gap between two instants, to the second; null if clocks were not put on. */
function gapEnd(timeZone: string, fromMs: number, toMs: number): number | null {
  const offset = offsetAt(timeZone, fromMs);
  if (offsetAt(timeZone, toMs) <= offset) return null;
  let [low, high] = [Math.floor(fromMs / 1_000), Math.ceil(toMs / 1_000)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(timeZone, middle * 1_000) > offset) high = middle;
    else low = middle;
  }
  return high * 1_000;
}

/** By how much local time is ahead of UTC, in milliseconds. */
function offsetAt(timeZone: string, ms: number): number {
  const second = Math.floor(ms / 1_000) * 1_000;
  const words = formatOf(timeZone).formatToParts(second);
  const of = (type: string) => Number(words.find((part) => part.type === type)?.value);
  const date = Date.UTC(of("year"), of("month") - 1, of("day"));
  return date + of("hour") * 3_600_000 + of("minute") * 60_000 + of("second") * 1_000 - second;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const before = formats.get(timeZone);
  if (before !== undefined) return before;
  const [oldest] = formats.keys();
  if (formats.size >= maxFormats && oldest !== undefined) formats.delete(oldest);
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(timeZone, made);
  return made;
}
