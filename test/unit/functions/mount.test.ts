/** Which requests of a host's app are Signalbox's, and what a host's middleware may do before. */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { beforeEach, describe, test } from "vitest";
import { ownPaths } from "../../../functions/app.ts";
import { mountable } from "../../../functions/mount.ts";

const logged: Readonly<Record<string, unknown>>[] = [];
beforeEach(() => {
  logged.length = 0;
});

/** Answers what it was asked. */
const signalbox = () =>
  mountable({
    paths: ownPaths,
    answer: async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = await request.text();
      const { method, headers } = request;
      return Response.json({
        ours: method + " " + pathname + search,
        body,
        key: headers.get("idempotency-key"),
      });
    },
    log: (fields) => logged.push(fields),
  });

/** Who answered: Signalbox with what it was asked, or the host with its text. */
async function asked(app: Hono, path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await app.request(path, init);
  const text = await response.text();
  return text.startsWith('{"ours"') ? (JSON.parse(text) as { ours: string }).ours : text;
}

const notOurs = [
  "/",
  "/v1",
  "/v1/users",
  "/v1/users/7",
  "/v1/jobs/a/b",
  "/v2/jobs",
  "/docs/api",
  "/healthz/x",
];

describe("mounted at /", () => {
  test.for(["before", "after"])(
    "it leaves the host's own paths to routes %s it, and answers its own",
    async (when, { expect }) => {
      const app = new Hono();
      const own = () => {
        for (const path of ["/v1/users", "/docs", "/openapi.json", "/healthz"])
          app.get(path, (c) => c.text(`the host's ${path}`));
        app.post("/v1/users/:id", (c) => c.text("the host's user"));
      };
      if (when === "before") own();
      app.route("/", signalbox());
      if (when === "after") own();
      for (const path of ["/v1/users", "/docs", "/openapi.json", "/healthz"])
        expect(await asked(app, path)).toBe(`the host's ${path}`);
      expect(await asked(app, "/v1/users/7", { method: "POST" })).toBe("the host's user");
      for (const path of [
        "/v1/jobs",
        "/v1/jobs/j1?queue=a",
        "/v1/jobs/batch",
        "/v1/schedules/s/run",
      ])
        expect(await asked(app, path)).toBe(`GET ${path}`);
    },
  );

  test("unknown paths are the host's: its notFound and its onError answer", async ({ expect }) => {
    const app = new Hono();
    app.route("/", signalbox());
    app.get("/v1/broken", () => {
      throw new Error("its own");
    });
    app.notFound((c) => c.text("the host has no such path", 404));
    app.onError((error, c) => c.text(`the host's error: ${error.message}`, 500));
    for (const path of notOurs) expect(await asked(app, path)).toBe("the host has no such path");
    expect(await asked(app, "/v1/broken")).toBe("the host's error: its own");
  });

  test("where the host has none, the document, its page and health are there", async ({
    expect,
  }) => {
    const app = new Hono();
    app.use(
      "/docs",
      createMiddleware((_, next) => next()),
    );
    app.route("/", signalbox());
    app.use(
      "/healthz",
      createMiddleware((_, next) => next()),
    );
    app.get("*", (c) => c.text("a page for whatever has no route"));
    for (const path of ["/docs", "/openapi.json", "/healthz"])
      expect(await asked(app, path)).toBe(`GET ${path}`);
    for (const path of notOurs) expect(await asked(app, path)).toMatch(/^a page/);
  });
});

test.for([
  ["", "/jobs", "/jobs"],
  ["/a", "/b", "/a/b"],
  ["", "/of/:tenant", "/of/me"],
  ["", "/", ""],
] as const)(
  "every path of its own is found below %j and %j, with any method",
  async ([basePath, mount, base], t) => {
    const app = new Hono();
    const below = basePath === "" ? app : app.basePath(basePath);
    below.route(mount, signalbox());
    app.notFound((c) => c.text("not here"));
    for (const path of ownPaths.map((each) => each.replace(":id", "j%201"))) {
      for (const method of ["GET", "POST", "DELETE", "OPTIONS"])
        t.expect(await asked(app, `${base}${path}`, { method })).toBe(`${method} ${path}`);
      if (base !== "") t.expect(await asked(app, path)).toBe("not here");
    }
  },
);

type Reader = (c: Context) => Promise<unknown>;

describe("a middleware of the host", () => {
  const json = '{"name":"a", "payload":175928847299117063}';
  const post = { method: "POST", body: json, headers: { "idempotency-key": "k1" } };
  const readers: Readonly<Record<string, Reader>> = {
    "c.req.json()": (c) => c.req.json(),
    "c.req.text()": (c) => c.req.text(),
    "c.req.arrayBuffer()": (c) => c.req.arrayBuffer(),
    "c.req.blob()": (c) => c.req.blob(),
    "json and text": async (c) => {
      await c.req.json();
      return c.req.text();
    },
    "a form": (c) => c.req.parseBody(),
    "a clone": (c) => c.req.raw.clone().text(),
    nothing: () => Promise.resolve(),
  };

  test.for(Object.entries(readers))(
    "may read %s: the body arrives as sent",
    async ([, read], t) => {
      for (const base of ["/", "/below"]) {
        const app = new Hono();
        app.use(async (c, next) => {
          await read(c);
          await next();
        });
        app.route(base, signalbox());
        const path = `${base === "/" ? "" : base}/v1/jobs`;
        const answer: unknown = await (await app.request(path, post)).json();
        t.expect(answer).toEqual({ ours: "POST /v1/jobs", body: json, key: "k1" });
      }
    },
  );

  test("may limit the body", async ({ expect }) => {
    const app = new Hono().use(bodyLimit({ maxSize: 100 })).route("/", signalbox());
    expect(await (await app.request("/v1/jobs", post)).json()).toMatchObject({ body: json });
  });

  const takers: Readonly<Record<string, Reader>> = {
    "the raw text": (c) => c.req.raw.text(),
    "a part": (c) => c.req.raw.body?.getReader().read() ?? Promise.resolve(),
    "a lock": (c) => Promise.resolve(c.req.raw.body?.getReader()),
  };

  test.for(Object.entries(takers))("that takes %s is named as the cause", async ([, take], t) => {
    const app = new Hono();
    app.use(async (c, next) => {
      await take(c);
      await next();
    });
    app.route("/", signalbox());
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await app.request("/v1/jobs", { method: "POST", body: json, headers });
    const answer: unknown = await response.json();
    t.expect(response.status).toBe(500);
    t.expect(answer).toMatchObject({ code: "body_consumed" });
    t.expect(JSON.stringify(answer)).toMatch(/middleware.*clone/);
    t.expect(logged).toMatchObject([{ event: "request.failed", code: "body_consumed" }]);
  });
});
