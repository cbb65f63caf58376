/** ETags. */
import type { MiddlewareHandler } from "hono";

/**
 * Gives each `200` to a `GET` its ETag, and answers 304 without a body when the client's ETag still matches. Errors have no
 * ETag: what does not exist now may exist later.
 */
export const etag: MiddlewareHandler = async (c, next) => {
  await next();
  if (c.req.method !== "GET" || c.res.status !== 200) return;
  const body = await c.res.clone().arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const tag = `"${btoa(String.fromCharCode(...digest.subarray(0, 18)))}"`;
  const shown = c.req.header("if-none-match") ?? "";
  const isKnown = shown.split(",").some((each) => each.trim().replace(/^W\//, "") === tag);
  if (isKnown) c.res = new Response(null, { status: 304 });
  c.header("etag", tag);
};
