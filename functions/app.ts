/** The HTTP side as a pure function of its dependencies: who may ask, which routes there are. */
import { Hono, type Handler } from "hono";
import { SignalboxError } from "../protocol/error.ts";
import { authorize } from "./authorization.ts";
import type { AppDeps } from "./deps.ts";
import { problemOf, problemResponse } from "./problem.ts";
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

type Methods = Readonly<Partial<Record<"GET" | "POST" | "PUT" | "DELETE", Handler>>>;

/** Builds the app. It keeps nothing between requests. */
export function createApp(deps: AppDeps): Hono {
  const routes: Readonly<Record<string, Methods>> = {
    "/healthz": { GET: health(deps) },
    "/v1/jobs": { GET: listJobs(deps), POST: acceptJob(deps) },
    // A job may be called "batch".
    "/v1/jobs/batch": { GET: readJob(deps), POST: acceptBatch(deps), DELETE: deleteJob(deps) },
    "/v1/jobs/:id": { GET: readJob(deps), DELETE: deleteJob(deps) },
    "/v1/jobs/:id/events": { GET: watchJob(deps) },
    "/v1/jobs/:id/cancel": { POST: cancelJob(deps) },
    "/v1/jobs/:id/resend": { POST: resendJob(deps) },
    "/v1/failed": { GET: listFailed(deps) },
    "/v1/failed/resend": { POST: resendFailed(deps) },
    "/v1/failed/delete": { POST: deleteFailed(deps) },
    "/v1/schedules": { GET: listSchedules(deps), POST: postSchedule(deps) },
    "/v1/schedules/count": { GET: countSchedules(deps) },
    "/v1/schedules/preview": { POST: previewSchedule(deps) },
    "/v1/schedules/:id": {
      GET: readSchedule(deps),
      PUT: putSchedule(deps),
      DELETE: deleteSchedule(deps),
    },
    "/v1/schedules/:id/scheduled": { GET: isScheduled(deps) },
    "/v1/schedules/:id/history": { GET: scheduleHistory(deps) },
    "/v1/schedules/:id/pause": { POST: pauseSchedule(deps) },
    "/v1/schedules/:id/resume": { POST: resumeSchedule(deps) },
    "/v1/schedules/:id/run": { POST: runSchedule(deps) },
    "/v1/schedules/:id/next": { POST: moveSchedule(deps) },
    "/v1/nodes": { GET: listNodes(deps) },
    "/v1/results": { POST: takeResults(deps) },
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
  for (const [path, methods] of Object.entries(routes)) {
    for (const [method, handler] of Object.entries(methods)) app.on(method, path, handler);
    app.all(path, (c) => {
      const allowed = Object.keys(methods).join(", ").replace("GET", "GET, HEAD");
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
