/** Checks values from outside against a schema. */
import type * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import { quoted } from "../../protocol/wire/fields.ts";
import { fieldProblems, maxPathLength } from "./problem.ts";

/**
 * Gives `value` the type of `schema`.
 * @throws SignalboxError `invalid_request`, which names the first thing wrong; the cause has them all
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = fieldProblems(parsed.error);
  const where = first === undefined || first.path === "" ? "" : `${first.path}: `;
  throw new SignalboxError("invalid_request", `${where}${first?.message ?? "not as expected"}`, {
    cause: parsed.error,
  });
}

/**
 * Gives the query of a request the type of `schema`. A parameter that is given twice is refused; to drop one value would
 * hide a mistake.
 * @throws SignalboxError `invalid_request`
 */
export function validateQuery<Schema extends z.ZodType>(
  schema: Schema,
  query: Readonly<Record<string, readonly string[]>>,
): z.output<Schema> {
  const given = Object.entries(query);
  const twice = given.find(([, values]) => values.length > 1);
  if (twice !== undefined) {
    const name = twice[0].slice(0, maxPathLength);
    throw new SignalboxError("invalid_request", `${name}: expected this parameter once`);
  }
  return validate(schema, Object.fromEntries(given.map(([name, [value]]) => [name, value])));
}

/**
 * For routes that take everything from the body: a queue in the query, say, must not be overlooked.
 * @throws SignalboxError `invalid_request`
 */
export function refuseQuery(query: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(query);
  if (names.length === 0) return;
  throw new SignalboxError("invalid_request", `expected no query, got ${quoted(names)}`);
}
