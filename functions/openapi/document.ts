/** The OpenAPI 3.1 document, made from the operations: nothing is said here of a single route. */
import * as z from "zod";
import type { ErrorCode } from "../../protocol/error.ts";
import { scopes, type Scope } from "../../protocol/signing/api-token.ts";
import { headersOf, statusOf, titleOf } from "../http/problem.ts";
import { problem } from "./problem-schema.ts";
import { operations } from "./operations.ts";
import type { Answer, Operation } from "../http/operation.ts";

type Part = Readonly<Record<string, unknown>>;

/** Problems of every route, by what a caller must show. */
const commonErrors: Readonly<Record<"open" | "bearer" | "signature", readonly ErrorCode[]>> = {
  open: ["config_invalid"],
  bearer: [
    ...(["invalid_request", "unauthorized", "forbidden", "rate_limited"] as const),
    ...(["config_invalid", "internal"] as const),
    ...(["redis_unavailable", "redis_refused", "reply_unexpected"] as const),
  ],
  signature: [
    ...(["invalid_request", "signature_invalid", "config_invalid", "internal"] as const),
    ...(["redis_unavailable", "redis_refused", "reply_unexpected"] as const),
  ],
};
const headerNotes: Readonly<Record<string, string>> = {
  location: "Path of what was made",
  etag: "For If-None-Match",
  "retry-after": "Seconds after which to try again",
  "www-authenticate": "What is to be shown instead",
};
const tags: Readonly<Record<Operation["tag"], string>> = {
  jobs: "Dispatch, read, cancel",
  failed: "What failed for good",
  schedules: "Jobs at times to come",
  system: "Nodes, the callback, health",
};

let made: Part | undefined;

/** Made when it is first asked for: it costs a few milliseconds, and most isolates are never asked. */
export function openApiDocument(): Part {
  return (made ??= makeDocument());
}

function makeDocument(): Part {
  const paths: Record<string, Record<string, Part>> = {};
  const components: Record<string, unknown> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const path = operation.path.replaceAll(/:(\w+)/g, "{$1}");
    const methods = (paths[path] ??= {});
    methods[operation.method.toLowerCase()] = describe(name, operation, components);
  }
  schemaOf(problem, "output", components);
  return {
    openapi: "3.1.1",
    info: {
      title: "Signalbox",
      version: "1",
      summary: "Dispatches jobs from the edge to machines of your own.",
      description:
        "JSON in, JSON out. Errors are RFC 9457 problem details with a stable `code`. What is refused " +
        "with 4xx has changed nothing. Another method than those named here is answered with 405, " +
        "another path with 404.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "Where this document was read" }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        bearer: {
          ...{ type: "http", scheme: "bearer" },
          description: `A token has one or more of the scopes ${scopes.join(", ")}, and may be good for some queues alone`,
        },
        signature: {
          ...{ type: "apiKey", in: "header", name: "webhook-signature" },
          description: "Standard Webhooks, with webhook-id and webhook-timestamp",
        },
      },
    },
  };
}

function describe(name: string, operation: Operation, components: Record<string, unknown>): Part {
  const { access, body, summary, description, tag } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: name,
    ...{ summary, tags: [tag] },
    ...(description === undefined ? {} : { description }),
    security: isScope(access)
      ? [{ bearer: [access] }]
      : access === "open"
        ? []
        : [{ [access]: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: schemaOf(body, "input", components) } },
          },
        }),
    responses: responsesOf(operation, components),
  };
}

function isScope(access: Operation["access"]): access is Scope {
  return scopes.some((scope) => scope === access);
}

function parametersOf({ path, id, query, idempotencyKey, hasEtag }: Operation): readonly Part[] {
  const header = (name: string, schema: Part, description: string) => ({
    ...{ name, in: "header", schema, description },
  });
  const found = query === undefined ? {} : schemaOf(query, "input", {});
  const required = (found["required"] ?? []) as readonly string[];
  return [
    ...(id === undefined || !path.includes(":id")
      ? []
      : [{ name: "id", in: "path", required: true, schema: schemaOf(id, "input", {}) }]),
    ...Object.entries((found["properties"] ?? {}) as Readonly<Record<string, Part>>).map(
      ([name, schema]) => ({ name, in: "query", required: required.includes(name), schema }),
    ),
    ...(idempotencyKey === undefined
      ? []
      : [
          header(
            "Idempotency-Key",
            schemaOf(idempotencyKey, "input", {}),
            "The id, where the body has none: asked again with it, nothing is made twice",
          ),
        ]),
    ...(hasEtag === true
      ? [header("If-None-Match", { type: "string" }, "The ETag of an earlier answer")]
      : []),
  ];
}

function responsesOf(operation: Operation, components: Record<string, unknown>): Part {
  const responses: Record<string, Part> = {};
  for (const [status, answer] of Object.entries(operation.answers)) {
    responses[status] = answerOf(answer, operation.hasEtag === true, components);
  }
  if (operation.hasEtag === true) {
    responses["304"] = { description: "As it was", headers: headerParts(["etag"]) };
  }
  const codes = [
    ...commonErrors[isScope(operation.access) ? "bearer" : operation.access],
    ...operation.errors,
  ];
  for (const status of new Set(codes.map(statusOf))) {
    const those = codes.filter((code) => statusOf(code) === status);
    responses[status] = {
      description: titleOf(status),
      headers: headerParts([...new Set(those.flatMap(headersOf))]),
      content: {
        "application/problem+json": {
          schema: {
            allOf: [
              { $ref: "#/components/schemas/Problem" },
              { properties: { status: { const: status }, code: { enum: those } } },
            ],
          },
        },
      },
    };
  }
  return responses;
}

function answerOf(answer: Answer, hasEtag: boolean, components: Record<string, unknown>): Part {
  const { description, type = "application/json", schema, headers = [] } = answer;
  return {
    description,
    headers: headerParts(hasEtag ? [...headers, "etag"] : headers),
    ...(schema === undefined
      ? {}
      : { content: { [type]: { schema: schemaOf(schema, "output", components) } } }),
  };
}

function headerParts(names: readonly string[]): Part {
  return Object.fromEntries(
    names.map((name) => [name, { description: headerNotes[name], schema: { type: "string" } }]),
  );
}

/** A schema as JSON Schema. Those that have an `id` go to `components`, and are referred to. */
function schemaOf(
  schema: z.ZodType,
  io: "input" | "output",
  components: Record<string, unknown>,
): Part {
  const { $defs, ...rest } = z.toJSONSchema(schema, {
    ...{ io, unrepresentable: "any" },
    // A named part of another has `id` too; here it is known by its place.
    override: ({ jsonSchema }) => {
      delete jsonSchema.id;
    },
  }) as Record<string, unknown>;
  delete rest["$schema"];
  const named = (part: unknown) =>
    JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/')) as Part;
  for (const [name, part] of Object.entries(($defs ?? {}) as Part)) components[name] = named(part);
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) return named(rest);
  components[id] ??= named(rest);
  return { $ref: `#/components/schemas/${id}` };
}
