/**
 * JSON values: comparison, canonical text, what would not survive being written, and the depth of text that has not been
 * parsed.
 */

/**
 * A JSON value.
 * @example const payload: Json = { text: "three small words", tags: ["a", null, 1] };
 */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Whether two values are the same JSON; the order of keys does not matter. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, at) => sameJson(item as Json, b[at] as Json))
    );
  }
  const [left, right] = [a as Record<string, Json>, b as Record<string, Json>];
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]))
  );
}

/** The same text for the same JSON: keys are sorted by UTF-16 code units, as in RFC 8785. */
export function canonicalJson(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalJson).join(",")}]`;
  const fields = Object.entries(value as Readonly<Record<string, Json>>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
}

/**
 * How deeply arrays and objects are nested in JSON text; 0 for a plain value. Counts brackets without parsing, so that
 * text can be refused before a parser recurses into it.
 */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (inString) {
      if (character === 0x5c) at++;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x5b || character === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (character === 0x5d || character === 0x7d) depth--;
  }
  return deepest;
}

/** What keeps a value from being written as JSON and read again as the same. */
export interface JsonProblem {
  /** Where, such as `items.3.width`; empty for the value itself. Up to 200 characters. */
  readonly path: string;
  /** What is there. */
  readonly reason: string;
  /** `changed`: JSON would write something else. `unwritable`: JSON cannot write it at all. */
  readonly kind: "changed" | "unwritable";
}

/** How deeply a value may be nested. V8's own writer gives up at some thousand levels, by an overflow of its stack. */
const maxNesting = 1_000;
const maxPathChars = 200;

/**
 * What JSON would change of `value`, or could not write; `null` if it survives. Never throws, whatever getters, proxies and
 * `toJSON` do. Refused: `NaN` and infinities; BigInt; functions and symbols; `undefined` and holes in arrays; cycles;
 * objects whose content JSON does not see, such as a `Map`, `Response` or `Error`. As JSON has them: fields that are
 * `undefined` are absent; `toJSON` is called; an instance of a class counts by its fields; `-0` is 0.
 *
 * Takes about half as long as `JSON.stringify`: 0.6 µs for a result of 100 bytes, 0.9 ms for one of 100 kB.
 */
export function jsonProblem(value: unknown): JsonProblem | null {
  if (value === null || typeof value === "string" || typeof value === "boolean") return null;
  const walk: Walk = { keys: [], parents: [], reading: undefined };
  try {
    const found = problemOf(value, walk);
    return found === null ? null : { path: pathText(walk.keys), ...found };
  } catch (error) {
    const keys = walk.reading === undefined ? walk.keys : [...walk.keys, walk.reading];
    const reason = `something that throws when it is read${said(error)}`;
    return { path: pathText(keys), reason, kind: "unwritable" };
  }
}

/** A problem as a sentence; `root` is what the value is called, such as `payload`. */
export function jsonProblemText({ path, reason }: JsonProblem, root = ""): string {
  const where = [root, path].filter((part) => part !== "").join(".");
  return `${where === "" ? "" : `${where}: `}expected what JSON can carry, got ${reason}`;
}

/** Keys as one text, as in `items.3.width`. */
export function pathText(keys: readonly (string | number)[]): string {
  const text = keys.join(".");
  return text.length <= maxPathChars ? text : `${text.slice(0, maxPathChars - 1)}…`;
}

/** Where the walk through a value is. */
interface Walk {
  readonly keys: (string | number)[];
  readonly parents: object[];
  /** The key whose value is being read, for the case that reading throws. */
  reading: string | number | undefined;
}

type Found = Pick<JsonProblem, "reason" | "kind">;

function changed(reason: string): Found {
  return { reason, kind: "changed" };
}

function unwritable(reason: string): Found {
  return { reason, kind: "unwritable" };
}

function problemOf(value: unknown, walk: Walk): Found | null {
  switch (typeof value) {
    case "string":
    case "boolean":
      return null;
    case "number":
      return Number.isFinite(value) ? null : changed(`${value}, which JSON writes as null`);
    case "object":
      return value === null ? null : problemOfObject(value, walk);
    case "undefined":
      return changed("undefined, which JSON writes as null");
    case "function":
    case "symbol":
      return changed(`a ${typeof value}, which JSON leaves out`);
    case "bigint":
      return typeof Reflect.get(Object(value) as object, "toJSON") === "function"
        ? null
        : unwritable("a BigInt; pass it as a string");
  }
}

function problemOfObject(value: object, walk: Walk): Found | null {
  const { parents } = walk;
  if (parents.includes(value)) return unwritable("a reference to something that contains it");
  if (parents.length >= maxNesting) return unwritable(`more than ${maxNesting} levels`);
  walk.reading = undefined;
  parents.push(value);
  const { toJSON } = value as { readonly toJSON?: unknown };
  const found =
    typeof toJSON === "function" ? problemOfWritten(value, walk) : problemOfContent(value, walk);
  parents.pop();
  return found;
}

/** JSON writes what `toJSON` answers, and does not ask that for its own `toJSON`. */
function problemOfWritten(value: object, walk: Walk): Found | null {
  if (value instanceof Date && Number.isNaN(value.getTime()))
    return changed("an invalid Date, which JSON writes as null");
  const key = String(walk.keys.at(-1) ?? "");
  const written = (value as { readonly toJSON: (key: string) => unknown }).toJSON(key);
  return typeof written === "object" && written !== null
    ? problemOfContent(written, walk)
    : problemOf(written, walk);
}

function problemOfContent(value: object, walk: Walk): Found | null {
  if (Array.isArray(value)) return problemOfItems(value as readonly unknown[], walk);
  const names = Object.keys(value);
  if (!isPlain(value)) {
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    if (tag !== "Object" || names.length === 0)
      return changed(`${nameOf(value, tag)}, whose content JSON does not write`);
  }
  for (const name of names) {
    walk.reading = name;
    const item = (value as Readonly<Record<string, unknown>>)[name];
    // Most fields are text, and one that is undefined is absent.
    if (typeof item === "string" || item === undefined) continue;
    const found = problemAt(name, item, walk);
    if (found !== null) return found;
  }
  return null;
}

function problemOfItems(items: readonly unknown[], walk: Walk): Found | null {
  for (let at = 0; at < items.length; at++) {
    walk.reading = at;
    const item = items[at];
    if (typeof item === "string") continue;
    const found = problemAt(at, item, walk);
    if (found !== null) return found;
  }
  return null;
}

/** Leaves the key in `walk.keys` where there is a problem. */
function problemAt(key: string | number, item: unknown, walk: Walk): Found | null {
  walk.keys.push(key);
  const found = problemOf(item, walk);
  if (found === null) walk.keys.pop();
  return found;
}

/** Whether its prototype is `null` or the `Object.prototype` of any realm. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return (
    prototype === null ||
    prototype === Object.prototype ||
    Object.getPrototypeOf(prototype) === null
  );
}

function nameOf(value: object, tag: string): string {
  const name = (value as { readonly constructor?: { readonly name?: unknown } }).constructor?.name;
  const text = typeof name === "string" && name !== "" ? name.slice(0, 64) : tag;
  return `${/^[AEIOU]/.test(text) ? "an" : "a"} ${text}`;
}

function said(error: unknown): string {
  try {
    return error instanceof Error ? `: ${error.message.slice(0, 200)}` : "";
  } catch {
    return "";
  }
}
