/** The OpenAPI 3.1 document, made from the operations: no route is described here. */
import * as z from "zod";
import type { ErrorCode } from "../../protocol/error.ts";
import { type Scope, scopes } from "../../protocol/signing/api-token.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import type { Answer, Operation } from "../http/operation.ts";
import { headersOf, statusOf, titleOf } from "../http/problem.ts";
import type { Described, Document, Header, Parameter, Response, Schema } from "./openapi.ts";
import { operations } from "./operations.ts";
import { problem } from "./problem-schema.ts";

/** Problems of every route, by what a caller must show. */
const commonErrors: Readonly<Record<"open" | "bearer" | "signature", readonly ErrorCode[]>> = {
  open: ["config_invalid"],
  bearer: [
    "invalid_request",
    "unauthorized",
    "forbidden",
    "rate_limited",
    "config_invalid",
    "internal",
    "redis_unavailable",
    "redis_refused",
    "reply_unexpected",
  ],
  signature: [
    "invalid_request",
    "signature_invalid",
    "config_invalid",
    "internal",
    "redis_unavailable",
    "redis_refused",
    "reply_unexpected",
  ],
};
/** What each header that an answer may carry is for. */
const headerNotes = {
  location: "Path of what was made",
  etag: "For If-None-Match",
  "retry-after": "Seconds after which to try again",
  "www-authenticate": "What is to be shown instead",
} as const;
type HeaderName = keyof typeof headerNotes;
const tags: Readonly<Record<Operation["tag"], string>> = {
  jobs: "Dispatch, read, cancel",
  failed: "What failed for good",
  schedules: "Jobs at times to come",
  system: "Nodes, the callback, health",
};

/** Schemas that are referred to by name, collected while the document is made. */
type Components = Record<string, Schema>;

let made: Document | undefined;

/** The document. Made at the first call: that takes a few milliseconds, and most isolates are never asked for it. */
export function openApiDocument(): Document {
  return (made ??= makeDocument());
}

function makeDocument(): Document {
  const paths: Record<string, Record<string, Described>> = {};
  const components: Components = {};
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
          type: "http",
          scheme: "bearer",
          description: `A token has one or more of the scopes ${scopes.join(", ")}, and may be good for some queues only`,
        },
        signature: {
          type: "apiKey",
          in: "header",
          name: "webhook-signature",
          description: "Standard Webhooks, with webhook-id and webhook-timestamp",
        },
      },
    },
  };
}

function describe(name: string, operation: Operation, components: Components): Described {
  const { access, body, summary, description, tag } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: name,
    summary,
    tags: [tag],
    ...omitUndefined({ description }),
    security: securityOf(access),
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

function securityOf(access: Operation["access"]): Described["security"] {
  if (isScope(access)) return [{ bearer: [access] }];
  return access === "open" ? [] : [{ [access]: [] }];
}

function isScope(access: Operation["access"]): access is Scope {
  return scopes.some((scope) => scope === access);
}

function parametersOf(operation: Operation): readonly Parameter[] {
  const { path, id, query, idempotencyKey, hasEtag } = operation;
  const parameters: Parameter[] = [];
  if (id !== undefined && path.includes(":id"))
    parameters.push({ name: "id", in: "path", required: true, schema: schemaOf(id, "input", {}) });
  if (query !== undefined) {
    const { required = [], properties = {} } = schemaOf(query, "input", {});
    for (const [name, schema] of Object.entries(properties))
      parameters.push({ name, in: "query", required: required.includes(name), schema });
  }
  if (idempotencyKey !== undefined) {
    parameters.push({
      name: "Idempotency-Key",
      in: "header",
      schema: schemaOf(idempotencyKey, "input", {}),
      description: "The id, where the body has none: asked again with it, nothing is made twice",
    });
  }
  if (hasEtag === true) {
    parameters.push({
      name: "If-None-Match",
      in: "header",
      schema: { type: "string" },
      description: "The ETag of an earlier answer",
    });
  }
  return parameters;
}

function responsesOf(operation: Operation, components: Components): Described["responses"] {
  const hasEtag = operation.hasEtag === true;
  const responses: Record<string, Response> = {};
  for (const [status, answer] of Object.entries(operation.answers)) {
    responses[status] = answerOf(answer, hasEtag, components);
  }
  if (hasEtag) responses["304"] = { description: "As it was", headers: headerParts(["etag"]) };
  const codes = [
    ...commonErrors[isScope(operation.access) ? "bearer" : operation.access],
    ...operation.errors,
  ];
  for (const status of new Set(codes.map(statusOf))) {
    responses[status] = problemsOf(
      status,
      codes.filter((code) => statusOf(code) === status),
    );
  }
  return responses;
}

function problemsOf(status: ReturnType<typeof statusOf>, codes: readonly ErrorCode[]): Response {
  return {
    description: titleOf(status),
    headers: headerParts([...new Set(codes.flatMap(headersOf))]),
    content: {
      "application/problem+json": {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Problem" },
            { properties: { status: { const: status }, code: { enum: codes } } },
          ],
        },
      },
    },
  };
}

function answerOf(answer: Answer, hasEtag: boolean, components: Components): Response {
  const { description, type = "application/json", schema, headers = [] } = answer;
  return {
    description,
    headers: headerParts(hasEtag ? [...headers, "etag"] : headers),
    ...(schema === undefined
      ? {}
      : { content: { [type]: { schema: schemaOf(schema, "output", components) } } }),
  };
}

function headerParts(names: readonly HeaderName[]): Readonly<Record<string, Header>> {
  return Object.fromEntries(
    names.map((name) => [name, { description: headerNotes[name], schema: { type: "string" } }]),
  );
}

/** A schema as JSON Schema. Those with an `id` go to `components`, and are referred to by it. */
function schemaOf(schema: z.ZodType, io: "input" | "output", components: Components): Schema {
  const found = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    // A named part of another has `id` too; here it is known by its place.
    override: ({ jsonSchema }) => {
      delete jsonSchema.id;
    },
  });
  const { $defs, ...rest } = found;
  delete rest.$schema;
  const named = (part: unknown) =>
    JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/')) as Schema;
  for (const [name, part] of Object.entries($defs ?? {})) components[name] = named(part);
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) return named(rest);
  components[id] ??= named(rest);
  return { $ref: `#/components/schemas/${id}` };
}
