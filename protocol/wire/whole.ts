/**
 * Whole numbers in what programs pass by themselves, such as time-outs in options: without a schema library, unlike
 * `fields.ts`, which does the same for requests. A timer that gets `NaN`, an infinity or more than 2^31-1 fires immediately.
 */

/** The longest time-out of an attempt: a day, in milliseconds. */
export const longestTimeoutMs = 86_400_000;

/** Whether `value` is a whole number from `min` to `max`. */
export function isWholeFrom(min: number, value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
}

/** How messages call such a number. */
export function wholeText(min: number, max: number): string {
  return `a whole number from ${min} to ${max}`;
}

/** A value of any kind, for a message: numbers as they are written, text in quotes, of everything else the type. */
export function showValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" || typeof value === "symbol"
    ? `a ${typeof value}`
    : String(value);
}
