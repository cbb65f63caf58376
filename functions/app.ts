/** The HTTP side as a pure function of its dependencies: who may ask, which routes there are. */
import { Hono, type Handler } from "hono";
import { SignalboxError } from "../protocol/error.ts";
import { authorize } from "./authorization.ts";
import { operations, type OperationName } from "./contract/operations.ts";
import type { AppDeps } from "./deps.ts";
import { etag } from "./etag.ts";
import { problemOf, problemResponse } from "./problem.ts";
import { readDocs } from "./routes/docs.ts";
import { readDocument } from "./routes/document.ts";
import { acceptBatch, acceptJob } from "./routes/accept.ts";
import { deleteFailed, listFailed, resendFailed } from "./routes/failed.ts";
import { watchJob } from "./routes/events.ts";
import { health } from "./routes/health.ts";
import { listJobs } from "./routes/list.ts";
import { cancelJob, deleteJob, resendJob } from "./routes/manage.ts";
import { listNodes } from "./routes/nodes.ts";
import { readJob } from "./routes/read.ts";
import { takeResults } from "./routes/results.ts";
import {
  moveSchedule,
  pauseSchedule,
  previewSchedule,
  resumeSchedule,
  runSchedule,
  scheduleHistory,
} from "./routes/schedule-actions.ts";
import {
  countSchedules,
  deleteSchedule,
  isScheduled,
  listSchedules,
  postSchedule,
  putSchedule,
  readSchedule,
} from "./routes/schedules.ts";

/** Builds the app. It keeps nothing between requests. */
export function createApp(deps: AppDeps): Hono {
  const handlers: Readonly<Record<OperationName, Handler>> = {
    listJobs: listJobs(deps),
    acceptJob: acceptJob(deps),
    acceptBatch: acceptBatch(deps),
    readJob: readJob(deps),
    deleteJob: deleteJob(deps),
    watchJob: watchJob(deps),
    cancelJob: cancelJob(deps),
    resendJob: resendJob(deps),
    listFailed: listFailed(deps),
    resendFailed: resendFailed(deps),
    deleteFailed: deleteFailed(deps),
    listSchedules: listSchedules(deps),
    postSchedule: postSchedule(deps),
    countSchedules: countSchedules(deps),
    previewSchedule: previewSchedule(deps),
    readSchedule: readSchedule(deps),
    putSchedule: putSchedule(deps),
    deleteSchedule: deleteSchedule(deps),
    isScheduled: isScheduled(deps),
    scheduleHistory: scheduleHistory(deps),
    pauseSchedule: pauseSchedule(deps),
    resumeSchedule: resumeSchedule(deps),
    runSchedule: runSchedule(deps),
    moveSchedule: moveSchedule(deps),
    listNodes: listNodes(deps),
    takeResults: takeResults(deps),
    health: health(deps),
  };
  const app = new Hono();

  app.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
  });
  app.use("/v1/*", async (c, next) => {
    // The callback shows a signature instead.
    if (c.req.path !== "/v1/results") {
      await authorize(c.req.header("authorization"), deps.config.token);
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
    const allow = c.res.headers.get("allow");
    if (allow !== null) response.headers.set("allow", allow);
    return response;
  });
  return app;
}

/** The handlers by path and method, and the document's own routes, which it does not describe. */
function routesOf(
  handlers: Readonly<Record<OperationName, Handler>>,
): ReadonlyMap<string, ReadonlyMap<string, Handler>> {
  const routes = new Map<string, Map<string, Handler>>([
    ["/openapi.json", new Map([["GET", readDocument]])],
    ["/docs", new Map([["GET", readDocs]])],
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
    const methods = routes.get(path) ?? new Map<string, Handler>();
    routes.set(path, methods.set(method, handler));
  }
  return routes;
}
