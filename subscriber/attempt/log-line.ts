/**
 * What a handler passes to its log → fields and a message. Takes fields before the message, as pino does, the message
 * before fields, as most people write, and whatever else it is given. Never throws.
 */
import { format } from "node:util";
import { jsonProblem, jsonProblemText } from "../../protocol/wire/json.ts";
import { inspected, isError, messageOf, stackOf } from "./failure-of.ts";

/** Fields of a log line; each value is JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One line of a handler's log. */
export interface LogLine {
  /** With the stacks of errors, for the subscriber's log. */
  readonly fields: LogFields;
  /** With errors as text, for clients that watch the job. */
  readonly shown: LogFields;
  readonly message: string;
  /** The first field that is shown as text because JSON cannot carry its value, and why; undefined if there is none. */
  readonly unfit: string | undefined;
}

/** A line while it is read. */
interface Draft {
  readonly texts: unknown[];
  readonly fields: [string, unknown][];
  readonly shown: [string, unknown][];
  unfit: string | undefined;
}

/**
 * Reads the arguments of one call. An object gives its fields; an error becomes the field `err`, and its message the
 * line's if no other is given; everything else joins the message, with `%s` and its like replaced.
 */
export function readLogLine(args: readonly unknown[]): LogLine {
  const draft: Draft = { texts: [], fields: [], shown: [], unfit: undefined };
  for (const arg of args) {
    if (arg === undefined) continue;
    try {
      addArgument(draft, arg);
    } catch {
      draft.texts.push(inspected(arg));
      draft.unfit ??= "an argument throws when it is read";
    }
  }
  const fields = Object.fromEntries(draft.fields);
  const isSame = draft.fields.every(([, value], at) => value === draft.shown[at]?.[1]);
  return {
    fields,
    shown: isSame ? fields : Object.fromEntries(draft.shown),
    message: messageFrom(draft),
    unfit: draft.unfit,
  };
}

function messageFrom({ texts, shown }: Draft): string {
  const [first, ...rest] = texts;
  if (typeof first === "string" && rest.length === 0) return first;
  if (texts.length > 0) return format(...texts);
  const error = shown.find(([name]) => name === "err")?.[1];
  return typeof error === "string" ? error : "";
}

function addArgument(draft: Draft, arg: unknown): void {
  if (typeof arg !== "object" || arg === null || isError(arg)) {
    if (isError(arg)) addField(draft, "err", arg);
    else draft.texts.push(typeof arg === "function" ? inspected(arg) : arg);
    return;
  }
  const isRecord = !Array.isArray(arg) && Object.prototype.toString.call(arg) === "[object Object]";
  const names = isRecord ? Object.keys(arg) : [];
  // A list, a Map, a Date, an instance that keeps its content to itself: text, as `console.log` has it.
  if (!isRecord || (names.length === 0 && inspected(arg) !== "{}")) {
    draft.texts.push(inspected(arg));
    return;
  }
  for (const name of names) addReadable(draft, arg, name);
}

function addReadable(draft: Draft, from: object, name: string): void {
  let value: unknown;
  try {
    value = Reflect.get(from, name);
  } catch {
    draft.unfit ??= `${name} throws when it is read`;
    return;
  }
  addField(draft, name, value);
}

function addField(draft: Draft, name: string, value: unknown): void {
  if (value === undefined) return;
  if (isError(value)) {
    draft.fields.push([name, errorFields(value)]);
    draft.shown.push([name, messageOf(value)]);
    return;
  }
  const problem = jsonProblem(value);
  const kept = problem === null ? value : textFor(value);
  // Nothing of a BigInt is lost.
  if (problem !== null && typeof value !== "bigint") draft.unfit ??= jsonProblemText(problem, name);
  draft.fields.push([name, kept]);
  draft.shown.push([name, kept]);
}

function textFor(value: unknown): string {
  return typeof value === "bigint" ? String(value) : inspected(value).slice(0, 500).toWellFormed();
}

/** Without a prototype: pino would call the type of any other object that has a message `Object`. */
function errorFields(error: unknown): LogFields {
  const { name } = error as { readonly name?: unknown };
  const fields = { name: typeof name === "string" ? name : "Error", message: messageOf(error) };
  return Object.assign(Object.create(null) as object, fields, { stack: stackOf(error) ?? "" });
}
