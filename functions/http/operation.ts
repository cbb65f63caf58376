/** The contract of one route: its requests are checked against it, and the document is made from it. */
import type * as z from "zod";
import type { ErrorCode } from "../../protocol/error.ts";
import type { Scope } from "../../protocol/signing/api-token.ts";

/** One method of one path. */
export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** As Hono has it: `/v1/jobs/:id`. */
  readonly path: string;
  readonly tag: "jobs" | "failed" | "schedules" | "system";
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  /** What a caller must show: a bearer token of this scope, the callback's signature, or nothing. */
  readonly access: Scope | "signature" | "open";
  /** The `:id` of the path. */
  readonly id?: z.ZodType;
  /** None if absent. */
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** What `Idempotency-Key` may be, where it is honoured. */
  readonly idempotencyKey?: z.ZodType;
  /** Whether a request counts as the jobs that it makes against the rate of its token, not as one. */
  readonly countsJobs?: boolean;
  /** Whether `If-None-Match` is honoured. */
  readonly hasEtag?: boolean;
  /** All answers that are not problems, by status. */
  readonly answers: Readonly<Partial<Record<200 | 201 | 202 | 204 | 503, Answer>>>;
  /** The codes of its problems, besides those of every route of its `access`. */
  readonly errors: readonly ErrorCode[];
}

/** An answer that is not a problem. */
export interface Answer {
  readonly description: string;
  /** `application/json` if absent. */
  readonly type?: string;
  /** No body if absent. */
  readonly schema?: z.ZodType;
  /** Names of headers that it carries. */
  readonly headers?: readonly ("location" | "retry-after")[];
}

/** The problems of every route that reads a body. */
export const bodyErrors = [
  "body_not_json",
  "body_too_deep",
  "body_too_large",
  "body_consumed",
] as const;
