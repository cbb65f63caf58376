/** One Redis command, as read from a JSON body or from a path. Knows nothing of HTTP or Redis. */
import { Refusal } from "./refusal.ts";

/** `name` is in upper case, which also keeps ioredis from transforming arguments and replies. */
export interface Command {
  readonly name: string;
  /** Bytes where the request had bytes, so that a value need not be UTF-8. */
  readonly args: readonly (string | Buffer)[];
}

/** Reads the body of `POST /`: `["SET", "key", 1]`. */
export function commandFromJson(body: Buffer): Command {
  return commandFromArray(parseJson(body));
}

/** Reads the body of `POST /pipeline` and `POST /multi-exec`: an array of commands, not empty. */
export function commandsFromJson(body: Buffer): Command[] {
  const rows = parseJson(body);
  if (!Array.isArray(rows)) throw new Refusal(400, "ERR expected a JSON array of commands");
  if (rows.length === 0) throw new Refusal(400, "ERR empty pipeline request");
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
  const keepDigits = (_key: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" ? (context?.source ?? String(value)) : value;
  try {
    return JSON.parse(body.toString(), keepDigits) as unknown;
  } catch (cause) {
    // The parser's own message would quote the body. Excessive nesting ends here too.
    throw new Refusal(400, "ERR failed to parse command: the body is not valid JSON", { cause });
  }
}
