/** What several scripts answer alike: one word of a few, and how long to wait. */
import { SignalboxError } from "../error.ts";
import type { Reply } from "./port.ts";
import { number, text } from "./reply.ts";

/** @throws SignalboxError `reply_unexpected` unless it is one of `words` */
export function oneOf<Word extends string>(reply: Reply | undefined, words: readonly Word[]): Word {
  const found = text(reply);
  const known = words.find((word) => word === found);
  if (known !== undefined) return known;
  throw new SignalboxError(
    "reply_unexpected",
    `expected one of ${words.join(", ")} from Redis, got ${found}; ` +
      "function and subscriber must run the same version of Signalbox",
  );
}

/** Milliseconds until something is due; null, which scripts write as -1, if nothing is. */
export function waitMs(reply: Reply | undefined): number | null {
  const ms = number(reply);
  return ms < 0 ? null : ms;
}
