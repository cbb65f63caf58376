/** The HTTP side as a pure function of its dependencies: who may ask, which routes there are. */
import { Hono, type Handler } from "hono";
import { SignalboxError } from "../protocol/error.ts";
import { authenticate, requireScope } from "./auth/authenticate.ts";
import { guardQueues } from "./auth/queue-guard.ts";
import type { Operation } from "./http/operation.ts";
import { operations, type OperationName } from "./openapi/operations.ts";
import { allowOrigins } from "./http/cors.ts";
import type { AppDeps } from "./deps.ts";
import { etag } from "./http/etag.ts";
import { problemOf, problemResponse } from "./http/problem.ts";
import { readDocs } from "./openapi/docs-page.ts";
import { readDocument } from "./openapi/routes.ts";
import { acceptBatch, acceptJob } from "./jobs/dispatch.ts";
import { deleteFailed, listFailed, resendFailed } from "./failed/routes.ts";
import { watchJob } from "./jobs/events.ts";
import { health } from "./health/routes.ts";
import { listJobs } from "./jobs/list.ts";
import { cancelJob, deleteJob, resendJob } from "./jobs/cancel.ts";
import { listNodes } from "./nodes/routes.ts";
import { readJob } from "./jobs/read.ts";
import { takeResults } from "./results/routes.ts";
import {
  moveSchedule,
  pauseSchedule,
  previewSchedule,
  resumeSchedule,
  runSchedule,
  scheduleHistory,
} from "./schedules/actions.ts";
import {
  countSchedules,
  deleteSchedule,
  isScheduled,
  listSchedules,
  postSchedule,
  putSchedule,
  readSchedule,
} from "./schedules/routes.ts";
import type { Token } from "./auth/tokens.ts";

/** How the handler of each operation is made. */
const makers: Readonly<Record<OperationName, (deps: AppDeps) => Handler>> = {
  listJobs,
  acceptJob,
  acceptBatch,
  readJob,
  deleteJob,
  watchJob,
  cancelJob,
  resendJob,
  listFailed,
  resendFailed,
  deleteFailed,
  listSchedules,
  postSchedule,
  countSchedules,
  previewSchedule,
  readSchedule,
  putSchedule,
  deleteSchedule,
  isScheduled,
  scheduleHistory,
  pauseSchedule,
  resumeSchedule,
  runSchedule,
  moveSchedule,
  listNodes,
  takeResults,
  health,
};

/** What the app knows of a request besides what came with it. */
interface AppEnv {
  Variables: {
    /** Who asks; set under `/v1` but for the callback. */
    readonly caller: Token;
  };
}

/** Builds the app. It keeps nothing between requests. */
export function createApp(deps: AppDeps): Hono {
  const { config } = deps;
  const handlers = Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [
      name,
      handlerOf(operation, makers[name as OperationName], deps),
    ]),
  ) as Readonly<Record<OperationName, Handler<AppEnv>>>;
  const app = new Hono<AppEnv>();

  app.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
  });
  if (config.corsOrigins.length > 0) app.use(allowOrigins(config.corsOrigins));
  app.use("/v1/*", async (c, next) => {
    // The callback shows a signature instead.
    if (c.req.path !== "/v1/results") {
      const header = c.req.header("authorization");
      const caller = await authenticate(header, config.tokens, deps.now());
      const seconds = await secondsToWait(deps, caller);
      if (seconds !== null) {
        c.header("retry-after", String(seconds));
        throw new SignalboxError(
          "rate_limited",
          `expected fewer requests with this token; the next is taken in ${seconds} s`,
        );
      }
      c.set("caller", caller);
    }
    await next();
  });
  for (const path of ["/openapi.json", "/docs"]) app.use(path, etag);
  for (const { path, hasEtag } of Object.values(operations)) {
    if (hasEtag === true) app.use(path, etag);
  }
  for (const [path, methods] of routesOf(handlers)) {
    for (const [method, handler] of methods) app.on(method, path, handler);
    app.all(path, (c) => {
      const allowed = [...methods.keys()].join(", ").replace("GET", "GET, HEAD");
      c.header("allow", allowed);
      throw new SignalboxError(
        "method_not_allowed",
        `expected ${allowed.replaceAll(", ", " or ")} for ${c.req.path}, got ${c.req.method}`,
      );
    });
  }
  app.notFound((c) =>
    problemResponse(
      new SignalboxError("not_found", `expected a path of this API, got ${c.req.path}`),
    ),
  );
  app.onError((error, c) => {
    const problem = problemOf(error);
    if (problem.status >= 500) {
      deps.log({
        level: "error",
        event: "request.failed",
        path: c.req.path,
        code: problem.code,
        error,
      });
    }
    const response = problemResponse(error);
    for (const name of ["allow", "retry-after"]) {
      const value = c.res.headers.get(name);
      if (value !== null) response.headers.set(name, value);
    }
    return response;
  });
  // Whoever mounts it has variables of his own.
  return app as unknown as Hono;
}

/** Asks for the scope, and hands the handler what the caller's token may use. */
function handlerOf(
  { access }: Operation,
  make: (deps: AppDeps) => Handler,
  deps: AppDeps,
): Handler<AppEnv> {
  const handler = make(deps);
  if (access === "open" || access === "signature") return handler;
  return (c, next) => {
    const caller = c.get("caller");
    requireScope(caller, access);
    const allowed = guardQueues(deps, caller);
    return (allowed === deps ? handler : make(allowed))(c, next) as Response | Promise<Response>;
  };
}

/** Counts the request; null where it is within the rate of the token, else in how many seconds it would be. */
async function secondsToWait(
  { countRequest }: AppDeps,
  { name, rateLimit }: Token,
): Promise<number | null> {
  const waitMs = rateLimit === null ? null : await countRequest(name, rateLimit);
  return waitMs === null ? null : Math.max(1, Math.ceil(waitMs / 1_000));
}

/** The handlers by path and method, and the document's own routes, which it does not describe. */
function routesOf(
  handlers: Readonly<Record<OperationName, Handler<AppEnv>>>,
): ReadonlyMap<string, ReadonlyMap<string, Handler<AppEnv>>> {
  const routes = new Map<string, Map<string, Handler<AppEnv>>>([
    ["/openapi.json", new Map([["GET", readDocument as Handler<AppEnv>]])],
    ["/docs", new Map([["GET", readDocs as Handler<AppEnv>]])],
    // A job may be called "batch".
    [
      "/v1/jobs/batch",
      new Map([
        ["GET", handlers.readJob],
        ["POST", handlers.acceptBatch],
        ["DELETE", handlers.deleteJob],
      ]),
    ],
  ]);
  for (const [name, handler] of Object.entries(handlers)) {
    const { path, method } = operations[name as OperationName];
    const methods = routes.get(path) ?? new Map<string, Handler<AppEnv>>();
    routes.set(path, methods.set(method, handler));
  }
  return routes;
}
