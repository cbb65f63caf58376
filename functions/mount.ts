/** Signalbox as routes of a host's app: takes its own paths below where it is mounted, and leaves all others to the host. */
import { type Context, Hono } from "hono";
import { matchedRoutes, routePath } from "hono/route";
import type { Log } from "./deps.ts";
import { requireUnread } from "./http/body.ts";
import { problemOf, problemResponse } from "./http/problem.ts";

/** Paths that a host is likely to have as well: its own routes for them win, also where they come later. */
const sharedPaths: ReadonlySet<string> = new Set(["/healthz", "/openapi.json", "/docs"]);

/** What is mounted. */
export interface Mounted {
  /** Its paths, as Hono has them: an exact one before one with a parameter. */
  readonly paths: readonly string[];
  /** Answers a request whose path begins where Signalbox is mounted. Never rejects. */
  readonly answer: (request: Request, env: object) => Promise<Response>;
  readonly log: Log;
}

/** Makes what `app.route(path, …)` takes. What it has no route for goes on to the host's later routes and `notFound`. */
export function mountable({ paths, answer, log }: Mounted): Hono {
  const app = new Hono();
  for (const path of paths) {
    app.all(path, async (c, next) => {
      if (sharedPaths.has(path) && hasOwnRoute(c)) return next();
      try {
        const below = segmentsOf(routePath(c)) - segmentsOf(path);
        return await answer(await requestBelow(c, below), c.env as object);
      } catch (error) {
        const { code } = problemOf(error);
        log({ level: "error", event: "request.failed", path: c.req.path, code, error });
        return problemResponse(error);
      }
    });
  }
  return app;
}

/**
 * Whether the host has a later route for exactly this path. Neither a pattern such as `*`, which is for whatever has no
 * route, nor a middleware, which is known by its second argument, is one.
 */
function hasOwnRoute(c: Context): boolean {
  const later = matchedRoutes(c).slice(c.req.routeIndex + 1);
  return later.some(
    ({ path, method, handler }) =>
      (path === c.req.path || path === `${c.req.path}/*`) &&
      (method !== "ALL" || handler.length < 2),
  );
}

function segmentsOf(path: string): number {
  return path.split("/").filter(Boolean).length;
}

/**
 * The request without the first `count` segments of its path, and with its body, also where a middleware has read that.
 * @throws SignalboxError `body_consumed` where the body is gone
 */
async function requestBelow(c: Context, count: number): Promise<Request> {
  const { raw } = c.req;
  const kept = await keptBody(c);
  if (kept === undefined) requireUnread(raw);
  if (count === 0 && kept === undefined) return raw;
  const url = new URL(raw.url);
  const segments = url.pathname.split("/").slice(count + 1);
  url.pathname = `/${segments.join("/")}`;
  if (kept === undefined) return new Request(url, raw);
  const { method, headers, signal } = raw;
  return new Request(url, { method, headers, signal, body: kept });
}

type Kept = string | ArrayBuffer | Blob;

/** The body as Hono has kept it for a middleware. Not a parsed form of it: that is not what was sent, and signed. */
function keptBody(c: Context): Kept | Promise<Kept> | undefined {
  const { arrayBuffer, blob, text } = c.req.bodyCache;
  return arrayBuffer ?? blob ?? text;
}
