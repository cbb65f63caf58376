import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { clientToken, type Stack, startStack } from "../../support/http-app.ts";

const origin = "https://app.example";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({}, { SIGNALBOX_CORS_ORIGINS: `http://other.example,${origin}` });
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

const send = async (path: string, init: RequestInit & { readonly headers: HeadersInit }) =>
  stack.app.request(path, init);
const bearer = { authorization: `Bearer ${clientToken}` };

describe("a page of an origin that is named", () => {
  test("may ask before it asks, without a token and without Redis", async ({ expect }) => {
    for (const path of ["/v1/jobs", "/v1/jobs/j1/events", "/v1/schedules/s"]) {
      const response = await send(path, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "PUT",
          "access-control-request-headers": "authorization,content-type",
        },
      });
      expect(response.status).toBe(204);
      const { headers } = response;
      expect(headers.get("access-control-allow-origin")).toBe(origin);
      for (const method of ["GET", "POST", "PUT", "DELETE"])
        expect(headers.get("access-control-allow-methods")?.split(",")).toContain(method);
      const allowed = headers.get("access-control-allow-headers")?.split(",");
      for (const name of ["authorization", "content-type", "idempotency-key", "last-event-id"])
        expect(allowed).toContain(name);
      expect(headers.get("access-control-allow-credentials")).toBeNull();
    }
    expect(stack.sent).toEqual([]);
  });

  test("reads answers and refusals, with the headers that a client needs", async ({ expect }) => {
    const body = JSON.stringify({ name: "echo", id: "j1" });
    const made = await send("/v1/jobs", { method: "POST", body, headers: { ...bearer, origin } });
    const read = await send("/v1/jobs/j1", { headers: { ...bearer, origin } });
    const etag = read.headers.get("etag") ?? "";
    const same = await send("/v1/jobs/j1", {
      headers: { ...bearer, origin, "if-none-match": etag },
    });
    const missing = await send("/v1/jobs/j2", { headers: { ...bearer, origin } });
    const unauthorized = await send("/v1/jobs", { headers: { origin } });
    const wrong = await send("/v1/jobs", { method: "PUT", headers: { ...bearer, origin } });
    const answers = [made, read, same, missing, unauthorized, wrong];
    expect(answers.map(({ status }) => status)).toEqual([202, 200, 304, 404, 401, 405]);
    for (const { headers } of answers) {
      expect(headers.get("access-control-allow-origin")).toBe(origin);
      expect(headers.get("vary")).toMatch(/Origin/i);
      const exposed = headers.get("access-control-expose-headers")?.split(",");
      for (const name of ["etag", "location", "retry-after"]) expect(exposed).toContain(name);
    }
    expect(wrong.headers.get("allow")).toBe("GET, HEAD, POST");
  });

  test("follows a job's events", async ({ expect }) => {
    await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
    const response = await send("/v1/jobs/j1/events", { headers: { ...bearer, origin } });
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    await response.body?.cancel();
  });
});

test("to other origins, and where none is named, nothing is allowed", async ({ expect }) => {
  const closed = createApp({ ...stack.deps, config: { ...stack.deps.config, corsOrigins: [] } });
  const others = ["https://app.example.evil", "https://APP.example", "http://app.example", "null"];
  for (const [app, asking] of [
    ...others.map((other) => [stack.app, other] as const),
    [closed, origin] as const,
  ]) {
    for (const method of ["OPTIONS", "GET"]) {
      const headers = { origin: asking, ...(method === "GET" ? bearer : {}) };
      const response = await app.request("/v1/jobs", { method, headers });
      expect(response.status).toBe(method === "GET" ? 200 : 401);
      expect([...response.headers.keys()].filter((name) => name.startsWith("access-"))).toEqual([]);
    }
  }
});

describe("an ETag", () => {
  const read = (path: string, shown?: string) =>
    send(path, {
      headers: { ...bearer, ...(shown === undefined ? {} : { "if-none-match": shown }) },
    });

  test("answers 304 without a body while the job is unchanged", async ({ expect }) => {
    await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
    const first = await read("/v1/jobs/j1");
    const tag = first.headers.get("etag") ?? "";
    expect(tag).toMatch(/^"[\w+/]{24}"$/);
    for (const shown of [tag, `W/${tag}`, `"other", ${tag}`]) {
      const again = await read("/v1/jobs/j1", shown);
      expect(again.status).toBe(304);
      expect(await again.text()).toBe("");
      expect(again.headers.get("etag")).toBe(tag);
      expect(again.headers.get("content-type")).toBeNull();
      expect(again.headers.get("cache-control")).toBe("no-store");
    }
    for (const shown of ['"other"', "", tag.slice(1, -1)])
      expect((await read("/v1/jobs/j1", shown)).status).toBe(200);
  });

  test("is another once the job has changed", async ({ expect }) => {
    await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
    const tag = (await read("/v1/jobs/j1")).headers.get("etag") ?? "";
    await stack.ask("POST", "/v1/jobs/j1/cancel");
    const after = await read("/v1/jobs/j1", tag);
    expect(after.status).toBe(200);
    expect(after.headers.get("etag")).not.toBe(tag);
  });

  test("is not given for a missing job, nor checked for a caller without a token", async ({
    expect,
  }) => {
    await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
    const tag = (await read("/v1/jobs/j1")).headers.get("etag") ?? "";
    expect((await read("/v1/jobs/j2", tag)).headers.get("etag")).toBeNull();
    const unauthorized = await send("/v1/jobs/j1", { headers: { "if-none-match": tag } });
    expect(unauthorized.status).toBe(401);
  });

  test("is that of the document, too", async ({ expect }) => {
    for (const path of ["/openapi.json", "/docs"]) {
      const tag = (await read(path)).headers.get("etag") ?? "";
      expect((await read(path, tag)).status).toBe(304);
    }
  });
});
