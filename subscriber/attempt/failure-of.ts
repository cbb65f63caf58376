/**
 * What a handler throws, error or not → a failure, and the stack for the log. Never throws, although a getter, a proxy or a
 * `toString` of the thrown value may: each property is read by itself, and what cannot be read is left out.
 */
import { inspect } from "node:util";
import { longestRetryMs } from "../../protocol/wire/failure.ts";
import type { Failure } from "../../protocol/wire/messages.ts";

/** How many characters of an error's message, with those of its causes, are kept. */
export const maxMessage = 2_000;
/** How many characters of stacks go into the log. */
const maxStack = 4_096;
/** How many links of a chain of causes are told, and how many members of an AggregateError. */
const maxCauses = 5;
const maxErrors = 3;

/** Errors that mean the code or the data is at fault, so that another attempt would end the same way. */
const bugs = [TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * Describes what was thrown. Takes over `code`, `retryable` and `retryAfterMs` (milliseconds) where an error, or any object,
 * has them in sound form. If it says nothing of `retryable`, a bug is not retried and everything else is. The message
 * goes on with the causes: `TypeError: fetch failed: connect ECONNREFUSED 127.0.0.1:1`.
 */
export function failureOf(thrown: unknown): Failure {
  const code = read(thrown, "code");
  const retryable = read(thrown, "retryable");
  const retryAfterMs = read(thrown, "retryAfterMs");
  const failure: Failure = {
    code: isSoundCode(code) ? code : "handler_error",
    message: cut(
      orUndefined(() => messageOf(thrown)) ?? "something that cannot be read",
      maxMessage,
    ),
    retryable: typeof retryable === "boolean" ? retryable : !isBug(thrown),
  };
  if (typeof retryAfterMs !== "number" || !(retryAfterMs >= 0)) return failure;
  return { ...failure, retryAfterMs: Math.min(longestRetryMs, Math.ceil(retryAfterMs)) };
}

/** The message of an error and of its causes. */
export function messageOf(thrown: unknown): string {
  const texts: string[] = [];
  for (const [depth, link] of chainOf(thrown).entries()) {
    const text = textOf(link, depth === 0) + membersText(link);
    // Many wrap an error with its message in their own.
    if (texts.at(-1)?.includes(text) !== true) texts.push(text);
  }
  return texts.join(": ");
}

/** The stacks of an error and of its causes, up to 4,096 characters; undefined for what has none. */
export function stackOf(thrown: unknown): string | undefined {
  const stacks = chainOf(thrown).flatMap((link) => {
    const stack = read(link, "stack");
    return typeof stack === "string" && stack !== "" ? [stack] : [];
  });
  if (stacks.length === 0) return undefined;
  // The first lines of each say the most.
  const share = Math.floor(maxStack / stacks.length);
  return cut(stacks.map((stack) => cut(stack, share)).join("\ncaused by: "), maxStack);
}

/** Whether a value is an error of this realm or another. */
export function isError(value: unknown): boolean {
  const isOne = (): boolean =>
    value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
  return orUndefined(isOne) ?? false;
}

/** The value, its cause, the cause of that, and so on. */
function chainOf(thrown: unknown): readonly unknown[] {
  const chain: unknown[] = [thrown];
  while (chain.length < maxCauses) {
    const cause = read(chain.at(-1), "cause");
    if (cause === undefined || chain.includes(cause)) break;
    chain.push(cause);
  }
  return chain;
}

/** One link of a chain. */
function textOf(value: unknown, isFirst: boolean): string {
  if (typeof value === "string") return value === "" ? "an empty text was thrown" : value;
  if (typeof value === "function") return "a function was thrown";
  if (typeof value !== "object" || value === null) return `${String(value)} was thrown`;
  const message = read(value, "message") ?? "";
  const text = typeof message === "string" ? message : inspected(message);
  if (!isError(value) && text === "") return inspected(value);
  const told = [isError(value) ? kindOf(value, isFirst || text === "") : "", text];
  return told.filter((part) => part !== "").join(": ") + codeText(value, text, isFirst);
}

/** What comes before the message of an error: of a cause, nothing where it is a plain `Error`. */
function kindOf(error: object, isPlainTold: boolean): string {
  const name = read(error, "name");
  const kind = typeof name === "string" && name !== "" ? name : "Error";
  return kind === "Error" && !isPlainTold ? "" : kind;
}

/** A code that stands nowhere else: that of the first is the failure's own, if it is sound. */
function codeText(value: object, text: string, isFirst: boolean): string {
  const code = read(value, "code");
  if (isFirst && isSoundCode(code)) return "";
  if (typeof code === "number") return ` (${code})`;
  const isShort = typeof code === "string" && code !== "" && code.length <= 64;
  return isShort && !text.includes(code) ? ` (${code})` : "";
}

/** The members of an AggregateError, as in ` [one; two; and 3 more]`. */
function membersText(value: unknown): string {
  const errors = read(value, "errors");
  if (!isError(value) || orUndefined(() => Array.isArray(errors)) !== true) return "";
  const members = errors as readonly unknown[];
  const told = members.slice(0, maxErrors).map((member) => textOf(member, false));
  if (told.length === 0) return "";
  const more = members.length > maxErrors ? [`and ${members.length - maxErrors} more`] : [];
  return ` [${[...told, ...more].join("; ")}]`;
}

function isSoundCode(code: unknown): code is string {
  return typeof code === "string" && /^\w{1,64}$/.test(code);
}

function isBug(thrown: unknown): boolean {
  // `fetch` reports a network failure as a TypeError with a cause.
  return (
    orUndefined(() => bugs.some((kind) => thrown instanceof kind)) === true &&
    read(thrown, "cause") === undefined
  );
}

/** A property, or undefined if there is none or reading it throws. */
function read(value: unknown, name: string): unknown {
  if ((typeof value !== "object" || value === null) && typeof value !== "function")
    return undefined;
  return orUndefined(() => Reflect.get(value, name) as unknown);
}

function orUndefined<Result>(make: () => Result): Result | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** A value as people read it; the traps of a proxy and getters are not called. */
export function inspected(value: unknown): string {
  if (value === "") return "";
  const options = { depth: 2, breakLength: Infinity, maxArrayLength: 20, maxStringLength: 500 };
  return orUndefined(() => inspect(value, options)) ?? "something that cannot be read";
}

/** The beginning of a text; a character that would be cut in half is replaced. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).toWellFormed();
}
