/** The HTTP side as a pure function of its dependencies: authentication, routing, and errors as problems. */
import { type Context, type Handler, Hono, type MiddlewareHandler } from "hono";
import { SignalboxError } from "../protocol/error.ts";
import { authenticate, requireScope } from "./auth/authenticate.ts";
import { guardQueues } from "./auth/queue-guard.ts";
import { countAgainstRate } from "./auth/rate-limit.ts";
import type { Token } from "./auth/tokens.ts";
import type { AppDeps, CountJobs, Route, RouteDeps } from "./deps.ts";
import { failedRoutes } from "./failed/routes.ts";
import { healthRoutes } from "./health/routes.ts";
import { allowOrigins } from "./http/cors.ts";
import { etag } from "./http/etag.ts";
import type { Operation } from "./http/operation.ts";
import { problemOf, problemResponse } from "./http/problem.ts";
import { jobRoutes } from "./jobs/routes.ts";
import { nodeRoutes } from "./nodes/routes.ts";
import { readDocs } from "./openapi/docs-page.ts";
import { type OperationName, operations } from "./openapi/operations.ts";
import { readDocument } from "./openapi/routes.ts";
import { resultRoutes } from "./results/routes.ts";
import { scheduleRoutes } from "./schedules/routes.ts";

/** All routes: a line for each resource; the compiler asks for one for each operation. */
const routes: Readonly<Record<OperationName, Route>> = {
  ...jobRoutes,
  ...failedRoutes,
  ...scheduleRoutes,
  ...nodeRoutes,
  ...resultRoutes,
  ...healthRoutes,
};

/** The token of each request under way. Not a variable of the context: its type would be that of the host app too. */
type Callers = WeakMap<Context, Token>;
type Handlers = Readonly<Record<OperationName, Handler>>;

/** Every path of the app, as Hono has it: an exact one before one with a parameter. */
export const ownPaths: readonly string[] = [
  ...new Set(["/openapi.json", "/docs", ...Object.values(operations).map(({ path }) => path)]),
];

/** Builds the app. It keeps nothing from one request to the next. */
export function createApp(given: AppDeps): Hono {
  const callers: Callers = new WeakMap();
  const counter = createCounter(given, callers);
  const deps: RouteDeps = { ...given, countJobs: counter.count };
  const handlers = Object.fromEntries(
    entriesOf(operations).map(([name, operation]) => [
      name,
      handlerOf(operation, routes[name], { deps, callers, counter }),
    ]),
  ) as Handlers;

  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
  });
  if (deps.config.corsOrigins.length > 0) app.use(allowOrigins(deps.config.corsOrigins));
  app.use("/v1/*", admit(deps, { callers, counter }));
  for (const path of ["/openapi.json", "/docs"]) app.use(path, etag);
  for (const { path, hasEtag } of Object.values(operations)) {
    if (hasEtag === true) app.use(path, etag);
  }
  for (const [path, methods] of methodsByPath(handlers)) {
    for (const [method, handler] of methods) app.on(method, path, handler);
    app.all(path, (c) => refuseMethod(c, [...methods.keys()]));
  }
  app.notFound((c) =>
    problemResponse(
      new SignalboxError("not_found", `expected a path of this API, got ${c.req.path}`),
    ),
  );
  app.onError((error, c) => answerError(deps, error, c));
  return app;
}

/** Counts requests against the rates of their tokens. */
interface Counter {
  readonly count: CountJobs;
  /** Counts a request that failed before its jobs could be counted. */
  readonly countUncounted: (c: Context) => Promise<void>;
}

function createCounter({ countRequest }: AppDeps, callers: Callers): Counter {
  const counted = new WeakSet<Context>();
  const count: CountJobs = async (c, jobs, how = "all") => {
    counted.add(c);
    const caller = callerOf(callers, c);
    const most = how === "all" ? jobs : Math.min(jobs, caller.rateLimit?.max ?? jobs);
    const refused = await countAgainstRate(countRequest, caller, Math.max(1, most));
    if (refused === null) return;
    if (refused.seconds !== null) c.header("retry-after", String(refused.seconds));
    throw refused.refusal;
  };
  return {
    count,
    countUncounted: async (c) => {
      if (!counted.has(c)) await count(c, 1);
    },
  };
}

function callerOf(callers: Callers, c: Context): Token {
  const caller = callers.get(c);
  if (caller !== undefined) return caller;
  throw new SignalboxError("internal", "expected a request that was let in");
}

const countedByJobs: ReadonlySet<string> = new Set(
  Object.values(operations)
    .filter(({ countsJobs }) => countsJobs === true)
    .map(({ method, path }) => `${method} ${path}`),
);

/**
 * Lets a request in that shows a token within its rate; one that counts by its jobs is counted by its handler. The callback
 * shows a signature instead, to its handler.
 */
function admit(
  { config, now }: AppDeps,
  { callers, counter }: { readonly callers: Callers; readonly counter: Counter },
): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.path !== "/v1/results") {
      callers.set(c, await authenticate(c.req.header("authorization"), config.tokens, now()));
      if (!countedByJobs.has(`${c.req.method} ${c.req.path}`)) await counter.count(c, 1);
    }
    await next();
  };
}

/** Asks for the scope, and gives the handler what the caller's token may use. */
function handlerOf(
  { access, countsJobs = false }: Operation,
  route: Route,
  more: { readonly deps: RouteDeps; readonly callers: Callers; readonly counter: Counter },
): Handler {
  const { deps, callers, counter } = more;
  const handler = route(deps);
  if (access === "open" || access === "signature") return handler;
  const guarded: Handler = (c, next) => {
    const caller = callerOf(callers, c);
    requireScope(caller, access);
    const allowed = guardQueues(deps, caller);
    return (allowed === deps ? handler : route(allowed))(c, next) as Response | Promise<Response>;
  };
  if (!countsJobs) return guarded;
  return async (c, next) => {
    try {
      return (await guarded(c, next)) as Response;
    } catch (error) {
      await counter.countUncounted(c);
      throw error;
    }
  };
}

/** The handlers by path and method, and the document's own routes, which it does not describe. */
function methodsByPath(handlers: Handlers): ReadonlyMap<string, ReadonlyMap<string, Handler>> {
  const paths = new Map<string, Map<string, Handler>>([
    ["/openapi.json", new Map([["GET", readDocument]])],
    ["/docs", new Map([["GET", readDocs]])],
    // A job may have the id "batch".
    [
      "/v1/jobs/batch",
      new Map([
        ["GET", handlers.readJob],
        ["POST", handlers.acceptBatch],
        ["DELETE", handlers.deleteJob],
      ]),
    ],
  ]);
  for (const [name, handler] of entriesOf(handlers)) {
    const { path, method } = operations[name];
    const methods = paths.get(path) ?? new Map<string, Handler>();
    paths.set(path, methods.set(method, handler));
  }
  return paths;
}

function refuseMethod(c: Context, methods: readonly string[]): never {
  const allowed = methods.join(", ").replace("GET", "GET, HEAD");
  c.header("allow", allowed);
  throw new SignalboxError(
    "method_not_allowed",
    `expected ${allowed.replaceAll(", ", " or ")} for ${c.req.path}, got ${c.req.method}`,
  );
}

/** Answers what was thrown as a problem, with the headers that were set for it; logs what is the function's fault. */
function answerError({ log }: Pick<AppDeps, "log">, error: Error, c: Context): Response {
  const { status, code } = problemOf(error);
  if (status >= 500)
    log({ level: "error", event: "request.failed", path: c.req.path, code, error });
  const response = problemResponse(error);
  for (const name of ["allow", "retry-after"]) {
    const value = c.res.headers.get(name);
    if (value !== null) response.headers.set(name, value);
  }
  return response;
}

function entriesOf<Value>(
  record: Readonly<Record<OperationName, Value>>,
): readonly [OperationName, Value][] {
  return Object.entries(record) as [OperationName, Value][];
}
