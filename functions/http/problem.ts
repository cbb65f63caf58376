/**
 * The one table that turns error codes into HTTP. Bodies are RFC 9457 problem details, with the
 * stable `code` added: programs tell cases apart by it, people read `detail`.
 */
// From here, not as `z.core`: a namespace used as a value puts all of zod, 48 languages included, into the bundle.
import { $ZodError } from "zod/v4/core";
import type { FieldProblem, Problem } from "../../protocol/api/problem.ts";
import { type ErrorCode, SignalboxError } from "../../protocol/error.ts";

/** The standard phrases of the statuses in use: RFC 9457 wants them where `type` is `about:blank`. */
const titles = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
} as const;

const statuses: Readonly<Record<ErrorCode, keyof typeof titles>> = {
  body_not_json: 400,
  body_too_deep: 400,
  body_too_large: 413,
  body_consumed: 500,
  invalid_request: 400,
  payload_too_large: 413,
  unauthorized: 401,
  forbidden: 403,
  rate_limited: 429,
  signature_invalid: 401,
  not_found: 404,
  method_not_allowed: 405,
  id_conflict: 409,
  key_held: 409,
  state_conflict: 409,
  schedule_invalid: 400,
  schedule_declared: 409,
  schedules_full: 409,
  config_invalid: 500,
  redis_unavailable: 503,
  redis_refused: 502,
  reply_unexpected: 502,
  internal: 500,
};

type HeaderName = "retry-after" | "www-authenticate";
const headers: Readonly<Partial<Record<ErrorCode, Readonly<Partial<Record<HeaderName, string>>>>>> =
  {
    unauthorized: { "www-authenticate": "Bearer" },
    forbidden: { "www-authenticate": 'Bearer error="insufficient_scope"' },
    // Where the refusal does not name a time of its own.
    rate_limited: { "retry-after": "1" },
    signature_invalid: { "www-authenticate": "StandardWebhooks" },
    redis_unavailable: { "retry-after": "2" },
  };

const maxFieldProblems = 20;
/** Of the place of a field in a request. It may hold a name from the request, which can be as long as that. */
export const maxPathLength = 200;
/** Of any text that is answered: the last bound, where an error repeats what came. */
const maxTextLength = 2_000;

/** What went wrong, as a code; anything but a `SignalboxError` is a bug and is not shown. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof SignalboxError ? error : undefined;
  const code = known?.code ?? "internal";
  const status = statuses[code];
  const errors = known?.cause instanceof $ZodError ? fieldProblems(known.cause) : undefined;
  return {
    type: "about:blank",
    title: titles[status],
    status,
    code,
    detail: cut(
      known?.message ?? "expected no error; this is a bug, and the log has the details",
      maxTextLength,
    ),
    ...(errors === undefined ? {} : { errors }),
  };
}

/** The HTTP status of a code. */
export function statusOf(code: ErrorCode): keyof typeof titles {
  return statuses[code];
}

/** The standard phrase of a status in use. */
export function titleOf(status: keyof typeof titles): string {
  return titles[status];
}

/** The headers, in lower case, that the answer of a code carries besides `content-type`. */
export function headersOf(code: ErrorCode): readonly HeaderName[] {
  return Object.keys(headers[code] ?? {}) as HeaderName[];
}

/** The response for anything thrown. */
export function problemResponse(error: unknown): Response {
  const problem = problemOf(error);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", ...headers[problem.code] },
  });
}

/** Each thing that a schema found wrong. */
export function fieldProblems(error: $ZodError): readonly FieldProblem[] {
  return error.issues.slice(0, maxFieldProblems).map(({ path, message }) => ({
    path: cut(path.map(String).join("."), maxPathLength),
    message: cut(message, maxTextLength),
  }));
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
