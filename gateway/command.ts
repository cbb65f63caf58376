/** One Redis command, as read from a JSON body or from a path. Knows nothing of HTTP or Redis. */
import { Refusal } from "./refusal.ts";

/** `name` is in upper case, which also keeps ioredis from transforming arguments and replies. */
export interface Command {
  readonly name: string;
  /** Bytes where the request had bytes, so that a value need not be UTF-8. */
  readonly args: readonly (string | Buffer)[];
}

/** Most commands of one request: half a million took the gateway 24 s and 1.7 GB. */
export const MAX_COMMANDS = 10_000;
/** Most values in one body, commands and arguments together. */
export const MAX_VALUES = 500_000;
/** Deepest nesting that is read, to say what is wrong with it. A list of commands has two levels. */
const MAX_DEPTH = 8;

/** Reads the body of `POST /`: `["SET", "key", 1]`. */
export function commandFromJson(body: Buffer): Command {
  return commandFromArray(parseJson(body));
}

/** Reads the body of `POST /pipeline` and `POST /multi-exec`: an array of commands, not empty. */
export function commandsFromJson(body: Buffer): Command[] {
  const rows = parseJson(body);
  if (!Array.isArray(rows)) throw new Refusal(400, "ERR expected a JSON array of commands");
  if (rows.length === 0) throw new Refusal(400, "ERR empty pipeline request");
  if (rows.length > MAX_COMMANDS) throw tooMany("commands", MAX_COMMANDS, String(rows.length));
  return rows.map(commandFromArray);
}

/** Builds a command from the segments of a path and its query. */
export function commandFromParts(parts: readonly Buffer[]): Command {
  const [name, ...args] = parts;
  return named(name?.toString() ?? "", args);
}

function commandFromArray(items: unknown): Command {
  if (!Array.isArray(items)) throw new Refusal(400, "ERR expected JSON array");
  const [name, ...args] = items.map(argument);
  return named(name ?? "", args);
}

function named(name: string, args: readonly (string | Buffer)[]): Command {
  if (name === "") throw new Refusal(400, "ERR empty command");
  return { name: name.toUpperCase(), args };
}

function argument(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (value === null) throw new Refusal(400, "ERR null args are not supported");
  throw new Refusal(400, `ERR unsupported arg type: ${Array.isArray(value) ? "array" : "object"}`);
}

/**
 * A number keeps the text it was written as: 9007199254740993 would lose its last digit as a
 * JavaScript number.
 */
function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw new Refusal(400, "ERR empty command");
  checkShape(body);
  const keepDigits = (_key: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" ? (context?.source ?? String(value)) : value;
  try {
    return JSON.parse(body.toString(), keepDigits) as unknown;
  } catch (cause) {
    // The parser's own message would quote the body.
    throw new Refusal(400, "ERR failed to parse command: the body is not valid JSON", { cause });
  }
}

/**
 * Bounds nesting and number of values before the body is parsed: the parser took 13 s for five million brackets. Passes
 * over strings; whether the rest is JSON is the parser's to say.
 * @throws Refusal 400, or 413 for too many values
 */
function checkShape(body: Buffer): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === 0x22) at = endOfString(body, at);
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH) {
        const message =
          "ERR failed to parse command: the body is nested deeper than a list of commands";
        throw new Refusal(400, message);
      }
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    else if (byte === 0x2c && ++values > MAX_VALUES) {
      throw tooMany("values", MAX_VALUES, "more than that");
    }
  }
}

/** The position of the quote that ends the string that begins at `start`; the last position if none does. */
function endOfString(body: Buffer, start: number): number {
  for (let end = start; ;) {
    end = body.indexOf(0x22, end + 1);
    if (end < 0) return body.length;
    let backslashes = 0;
    while (body[end - 1 - backslashes] === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

function tooMany(what: string, limit: number, actual: string): Refusal {
  return new Refusal(
    413,
    `ERR too many ${what} in one request. Limit: ${limit}, Actual: ${actual}`,
  );
}
