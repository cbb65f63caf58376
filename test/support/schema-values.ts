/** Values from the document's schemas, right ones and nearly right ones, made from nothing but the document. */
import fc from "fast-check";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

const names = fc.constantFrom("1", "j1", "j2", "default", "echo", "a.b", "batch", "count");
const texts = fc.oneof(
  { weight: 8, arbitrary: names },
  fc.constantFrom("", "0", "5-1", "__proto__", "..", "a b", "%", "@daily", "* * * * *", "UTC"),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const times = fc.constantFrom("2001-01-31T09:00:00Z", "2199-01-31T09:00:00+01:00", "2027-02-30");
const wrong = fc.oneof(
  texts,
  fc.constantFrom(-1, 0.5, 1e21, Number.MAX_SAFE_INTEGER, null, true),
  fc.jsonValue({ maxDepth: 2 }),
);

/** What `schema` allows; one value in forty, at any depth, may be anything. */
export function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 39, arbitrary: allowedBy(schema) }, wrong);
}

function allowedBy(schema: Schema): fc.Arbitrary<unknown> {
  const { properties, required = [], items, minimum = 0, maximum = 1_000_000 } = schema;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map(allowedBy));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  switch (schema.type) {
    case "object": {
      const fields = Object.entries(properties ?? {});
      return fc
        .tuple(...fields.map(([name, field]) => fieldOf(field, required.includes(name))))
        .map((values: readonly unknown[]) =>
          Object.fromEntries<unknown>(
            fields
              .map(([name], at) => [name, values[at]] as const)
              .filter(([, value]) => value !== undefined),
          ),
        );
    }
    case "array":
      return fc.array(valuesOf(items ?? {}), { minLength: 1, maxLength: 3 });
    case "integer":
      return fc.oneof(
        fc.constantFrom(minimum, maximum),
        fc.integer({ min: Math.max(minimum, 1), max: Math.min(maximum, 5_000) }),
      );
    case "number":
      return fc.constantFrom(minimum, 0.001);
    case "boolean":
      return fc.boolean();
    case "string":
      return schema.format === "date-time" ? times : texts;
    case undefined:
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** Where most fields may be left out, few are given: pairs that exclude each other would meet too often. */
function fieldOf(schema: Schema, isRequired: boolean): fc.Arbitrary<unknown> {
  const value = valuesOf(schema);
  if (isRequired) return fc.oneof({ weight: 30, arbitrary: value }, fc.constant(undefined));
  return fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, value);
}
