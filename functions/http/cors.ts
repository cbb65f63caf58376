/** Which pages of other origins may call the API from a browser: only those of the origins that are named. */
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import * as z from "zod";

const form = "expected origins such as https://app.example, separated by commas, without a path";

/** `SIGNALBOX_CORS_ORIGINS`. */
export const corsOrigins = z
  .string(form)
  .transform((text) =>
    text
      .split(",")
      .map((each) => each.trim())
      .filter(Boolean),
  )
  .refine((all) => all.every(isOrigin), form)
  .default([]);

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.parse(text)?.origin === text;
}

/** A preflight needs no token, since a browser sends none. Other origins are answered as if there were no CORS. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  const allow = cors({
    origin: [...origins],
    allowMethods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
    allowHeaders: [
      "authorization",
      "content-type",
      "idempotency-key",
      "if-none-match",
      "last-event-id",
    ],
    exposeHeaders: ["allow", "etag", "location", "retry-after", "www-authenticate"],
    maxAge: 7_200,
  });
  return (c, next) => (origins.includes(c.req.header("origin") ?? "") ? allow(c, next) : next());
}
