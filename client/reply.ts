/** Reads the fields of an answer, and refuses one that is not as this API answers. */
import { SignalboxApiError } from "./error.ts";

/** The answer, if it is an object; its fields are trusted. @throws SignalboxApiError `answer_unexpected` */
export function objectOf(body: unknown): object {
  if (typeof body !== "object" || body === null) throw unexpected("an object");
  return body;
}

/** The list in the field `name`. @throws SignalboxApiError `answer_unexpected` */
export function listOf(body: unknown, name: string): readonly unknown[] {
  const list = (objectOf(body) as Readonly<Record<string, unknown>>)[name];
  if (!Array.isArray(list)) throw unexpected(`a list of ${name}`);
  return list as readonly unknown[];
}

/** The cursor of a page; undefined for the last one. @throws SignalboxApiError `answer_unexpected` */
export function cursorOf(body: unknown): string | undefined {
  const { cursor } = objectOf(body) as { readonly cursor?: unknown };
  if (cursor === null) return undefined;
  if (typeof cursor !== "string") throw unexpected("a cursor, or null at the end");
  return cursor;
}

export function unexpected(what: string): SignalboxApiError {
  return new SignalboxApiError("answer_unexpected", `expected ${what}, as Signalbox answers`);
}
