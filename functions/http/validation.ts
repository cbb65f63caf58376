/** Values from outside, against a schema. */
import type * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import { fieldProblems } from "./problem.ts";

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
 * Gives the query of a request the type of `schema`. A parameter given twice is refused rather than
 * half of it dropped.
 * @throws SignalboxError `invalid_request`
 */
export function validateQuery<Schema extends z.ZodType>(
  schema: Schema,
  query: Readonly<Record<string, readonly string[]>>,
): z.output<Schema> {
  const given = Object.entries(query);
  const twice = given.find(([, values]) => values.length > 1);
  if (twice !== undefined) {
    throw new SignalboxError("invalid_request", `${twice[0]}: expected this parameter once`);
  }
  return validate(schema, Object.fromEntries(given.map(([name, [value]]) => [name, value])));
}

/**
 * For routes whose body says it all: a queue in the query, say, must not be overlooked.
 * @throws SignalboxError `invalid_request`
 */
export function refuseQuery(query: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(query);
  if (names.length === 0) return;
  const got = names.map((name) => JSON.stringify(name)).join(", ");
  throw new SignalboxError("invalid_request", `expected no query, got ${got}`);
}

/** What a strict object says of itself where something else came, or of fields that it does not know. */
export function objectError(what: string) {
  return (issue: { readonly code?: string | undefined; readonly keys?: unknown }) => {
    if (issue.code === "invalid_type") return `expected ${what}`;
    if (issue.code !== "unrecognized_keys" || !Array.isArray(issue.keys)) return undefined;
    const unknown = issue.keys.map((key) => JSON.stringify(key)).join(", ");
    return `expected ${what}; got also ${unknown}`;
  };
}
