/** Reads what scripts answer. A reply of another shape means that versions differ. */
import { SignalboxError } from "../error.ts";
import type { Reply } from "./port.ts";

/** @throws SignalboxError `reply_unexpected` unless it is a string or a number */
export function text(reply: Reply | undefined): string {
  if (typeof reply === "string") return reply;
  if (typeof reply === "number") return String(reply);
  throw unexpected("a string", reply);
}

/** @throws SignalboxError `reply_unexpected` unless it is a number or the digits of one */
export function number(reply: Reply | undefined): number {
  const value = Number(text(reply));
  if (Number.isFinite(value)) return value;
  throw unexpected("a number", reply);
}

/** @throws SignalboxError `reply_unexpected` unless it is an array */
export function list(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply as readonly Reply[];
  throw unexpected("an array", reply);
}

/** A word of a record: `-` stands for none. */
export function word(reply: Reply | undefined): string | null {
  const value = text(reply);
  return value === "-" ? null : value;
}

function unexpected(wanted: string, reply: Reply | undefined): SignalboxError {
  return new SignalboxError(
    "reply_unexpected",
    `expected ${wanted} from Redis, got ${Array.isArray(reply) ? "an array" : typeof reply}; ` +
      "function and subscriber must run the same version of Signalbox",
  );
}
