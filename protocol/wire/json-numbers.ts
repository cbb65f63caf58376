/** Numbers in JSON text that JavaScript would read as others. */
import { pathText } from "./json.ts";

/** A number that does not survive being read. */
export interface InexactNumber {
  /** Where, such as `payload.ids.3`; empty for the whole text. */
  readonly path: string;
  /** As it is written, up to 40 characters. */
  readonly written: string;
  /** What would be read: another number or an infinity. */
  readonly read: number;
}

const maxWritten = 40;

/**
 * The first number in `text`, which must be JSON, that reading would change: one of 2^53 and beyond that a double cannot
 * hold as it is written, or one that overflows. Smaller whole numbers are exact. A smaller fraction is read as the nearest
 * double, as JSON's readers do everywhere: it is not meant here, nor is one so small that it becomes 0.
 * @param value What `JSON.parse` makes of the text. The text is looked through only where this has a large number: the walk
 *   takes a tenth of what parsing takes, looking at each character half.
 */
export function inexactNumber(
  text: string,
  value: unknown = JSON.parse(text),
): InexactNumber | null {
  if (!hasLargeNumber(value)) return null;
  for (const [from, to] of numbersIn(text)) {
    const written = text.slice(from, to);
    if (isExact(written)) continue;
    const isShort = written.length <= maxWritten;
    const shown = isShort ? written : `${written.slice(0, maxWritten - 1)}…`;
    return { path: pathAt(text, from), written: shown, read: Number(written) };
  }
  return null;
}

/** Where the numbers of JSON text begin and end. */
function* numbersIn(text: string): Generator<readonly [from: number, to: number]> {
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === quote) at = endOfString(text, at);
    else if (character === letterT || character === letterN) at += 3;
    else if (character === letterF) at += 4;
    else if (isNumeric(character)) {
      const from = at;
      while (at + 1 < text.length && isNumeric(text.charCodeAt(at + 1))) at++;
      yield [from, at + 1];
    }
  }
}

/** Whether any number in a JSON value may have been another before it was read. */
function hasLargeNumber(value: unknown): boolean {
  const open: unknown[] = [[value]];
  for (let container = open.pop(); container !== undefined; container = open.pop()) {
    const items: readonly unknown[] = Array.isArray(container)
      ? container
      : Object.values(container as object);
    for (const item of items) {
      if (typeof item === "number") {
        if (Math.abs(item) >= 2 ** 53) return true;
      } else if (typeof item === "object" && item !== null) open.push(item);
    }
  }
  return false;
}

/** The refusal of such a number, as a sentence. */
export function inexactNumberText({ path, written, read }: InexactNumber): string {
  const where = path === "" ? "" : `${path}: `;
  return `${where}expected a number that JavaScript can hold, got ${written}, which it reads as ${read}; send it as a string`;
}

const [quote, backslash] = [0x22, 0x5c];
const [letterT, letterF, letterN] = [0x74, 0x66, 0x6e];

/** Whether a character, outside of strings and literals, is part of a number. */
function isNumeric(character: number): boolean {
  return (
    (character >= 0x30 && character <= 0x39) ||
    character === 0x2d ||
    character === 0x2b ||
    character === 0x2e ||
    character === 0x65 ||
    character === 0x45
  );
}

/** Where the string that begins at `from` ends. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) {
    at += text.charCodeAt(at) === backslash ? 2 : 1;
  }
  return at;
}

function isExact(written: string): boolean {
  // Most numbers: whole, or with a fraction, and short.
  if (written.length < 16 && !/[eE]/.test(written)) return true;
  const read = Number(written);
  if (!Number.isFinite(read)) return false;
  if (Math.abs(read) < 2 ** 53) return true;
  return significant(written) === significant(String(read));
}

/** The digits and the exponent of a number, without zeros at either end: equal for equal numbers. */
function significant(written: string): string {
  const [mantissa = "", exponent = "0"] = written.replace(/^-/, "").split(/[eE]/);
  const whole = mantissa.split(".", 1).join("");
  const digits = mantissa.replace(".", "");
  let from = 0;
  while (digits.charCodeAt(from) === 0x30) from++;
  // A loop: a pattern such as /0+$/ would take time by the square of the length.
  let to = digits.length;
  while (to > from && digits.charCodeAt(to - 1) === 0x30) to--;
  return `${digits.slice(from, to)}e${Number(exponent) + whole.length - to}`;
}

/** The keys that lead to the offset `target` of JSON text. */
function pathAt(text: string, target: number): string {
  const keys: (string | number)[] = [];
  let lastString = '""';
  for (let at = 0; at < target; at++) {
    const character = text[at];
    if (character === '"') {
      const from = at;
      at = endOfString(text, at);
      lastString = text.slice(from, at + 1);
    } else if (character === ":") keys[keys.length - 1] = JSON.parse(lastString) as string;
    else if (character === "[") keys.push(0);
    else if (character === "{") keys.push("");
    else if (character === "]" || character === "}") keys.pop();
    else if (character === ",") {
      const last = keys.at(-1);
      if (typeof last === "number") keys[keys.length - 1] = last + 1;
    }
  }
  return pathText(keys);
}
