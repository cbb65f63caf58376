/** Reads the JSON that a command takes from its argument, from a file, or from stdin. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Json } from "../protocol/wire/json.ts";
import { inexactNumber, inexactNumberText } from "../protocol/wire/json-numbers.ts";
import { UsageError } from "./exit.ts";

/** Where to read the JSON. At most one of the two may be given. */
export interface JsonSource {
  /** The text itself; `-` for stdin. */
  readonly argument?: string | undefined;
  /** A file; `-` for stdin. */
  readonly file?: string | undefined;
}

/**
 * Resolves to undefined if neither an argument nor a file is given.
 * @throws UsageError if both are given, the file cannot be read, the text is not JSON, or has a number that
 *   JavaScript would change
 */
export async function readJsonInput({ argument, file }: JsonSource): Promise<Json | undefined> {
  if (argument !== undefined && file !== undefined)
    throw new UsageError("expected the JSON as an argument or by --file, not both");
  const content = await contentOf(argument, file);
  if (content === undefined) return undefined;
  const value = parse(content);
  const inexact = inexactNumber(content, value);
  if (inexact !== null) throw new UsageError(inexactNumberText(inexact));
  return value;
}

function parse(content: string): Json {
  try {
    return JSON.parse(content) as Json;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "";
    throw new UsageError(`expected JSON, such as '{"url":"https://example.com"}'; ${reason}`);
  }
}

async function contentOf(argument?: string, file?: string): Promise<string | undefined> {
  if (argument === "-" || file === "-") return text(process.stdin);
  if (file === undefined) return argument;
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`expected a file to read: ${error instanceof Error ? error.message : ""}`);
  }
}

/** Parses an option that takes a whole number. @throws UsageError */
export function whole(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`expected a whole number, got "${text}"`);
}
