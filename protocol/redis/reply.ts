/**
 * Reads replies of Redis. A reply of another shape throws: it means that two versions of Signalbox share one Redis,
 * and a default in its place would hide that. An answer that is too short is such a reply.
 */
import { SignalboxError } from "../error.ts";
import type { Reply } from "./port.ts";

/** @throws SignalboxError `reply_unexpected` unless it is a string or a number */
export function text(reply: Reply | undefined): string {
  if (typeof reply === "string") return reply;
  if (typeof reply === "number") return String(reply);
  throw unexpected("a string", shapeOf(reply));
}

/** @throws SignalboxError `reply_unexpected` unless it is a number or the digits of one */
export function number(reply: Reply | undefined): number {
  const value = Number(text(reply));
  if (Number.isFinite(value)) return value;
  throw unexpected("a number", shapeOf(reply));
}

/** @throws SignalboxError `reply_unexpected` unless it is an array */
export function list(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply as readonly Reply[];
  throw unexpected("an array", shapeOf(reply));
}

/** A word of a record; null for `-`, which stands for none. */
export function word(reply: Reply | undefined): string | null {
  const value = text(reply);
  return value === "-" ? null : value;
}

/**
 * The item at `index`, counted from 0.
 * @param wanted names one item, such as "a verdict", for the message
 * @throws SignalboxError `reply_unexpected` if `items` is shorter than that
 */
export function itemAt<Item extends object | string | number | null>(
  items: readonly Item[],
  index: number,
  wanted: string,
): Item {
  const item = items[index];
  if (item !== undefined) return item;
  throw unexpected(`${wanted} at position ${index}`, `a list of ${items.length}`);
}

/**
 * `items`, if there are `count` of them: one answer for each thing that was asked.
 * @param wanted names the items, such as "verdicts", for the message
 * @throws SignalboxError `reply_unexpected` for more or fewer
 */
export function exactly<Item>(
  items: readonly Item[],
  count: number,
  wanted: string,
): readonly Item[] {
  if (items.length === count) return items;
  throw unexpected(`${count} ${wanted}`, `${items.length}`);
}

function shapeOf(reply: Reply | undefined): string {
  return Array.isArray(reply) ? "an array" : typeof reply;
}

function unexpected(wanted: string, got: string): SignalboxError {
  return new SignalboxError(
    "reply_unexpected",
    `expected ${wanted} from Redis, got ${got}; ` +
      "function and subscriber must run the same version of Signalbox",
  );
}
