/** Reads lists that Redis answered. A list of the wrong length means that versions differ. */
import { SignalboxError } from "../../protocol/error.ts";

/**
 * The item at `index` (from 0) of a list.
 * @param what Names the items in the error, in the plural.
 * @throws SignalboxError `reply_unexpected` if the list has no such item
 */
export function itemAt<Item>(items: readonly Item[], index: number, what: string): Item {
  const item = items[index];
  if (item !== undefined) return item;
  throw new SignalboxError(
    "reply_unexpected",
    `expected number ${index} of the ${what}, got ${items.length} of them; ` +
      "function and subscriber must run the same version of Signalbox",
  );
}
