/** How many requests and jobs a token may make in a window. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { readConfig } from "../../../functions/config.ts";
import { scopes } from "../../../protocol/signing/api-token.ts";
import { ask, clientToken, type Stack, startStack } from "../../support/http-app.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const tokens = [
  ...scopes.map((scope) => ({ name: `${scope}-only`, sha256: sha256(scope), scopes: [scope] })),
  { name: "shop", sha256: sha256("shop"), scopes, queues: ["a", "b"] },
];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({}, { SIGNALBOX_TOKENS: JSON.stringify(tokens) });
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

describe("a rate limit", () => {
  const rated = async (rate: string) => {
    const config = await readConfig({ ...stack.env, SIGNALBOX_RATE_LIMIT: rate });
    return createApp({ ...stack.deps, config });
  };

  test("of a token is its own; what is over it is told when to come again", async ({ expect }) => {
    const app = await rated("3/10s");
    const get = (token: string) => ask(app, { method: "GET", path: "/v1/jobs", token });
    for (let count = 0; count < 3; count++) expect((await get("read")).status).toBe(200);
    const refused = await get("read");
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    const seconds = Number(refused.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(10);
    expect((await get("shop")).status).toBe(200);
    expect((await get(clientToken)).status).toBe(200);
  });

  test("ends with its window, which what is refused does not put off", async ({ expect }) => {
    const app = await rated("1/1h");
    const get = () => ask(app, { method: "GET", path: "/v1/nowhere", token: "read" });
    expect((await get()).status).toBe(404);
    expect((await get()).status).toBe(429);
    const key = "signalbox:rate:read-only";
    expect(await stack.redis.pttl(key)).toBeGreaterThan(0);
    expect(await stack.redis.pttl(key)).toBeLessThanOrEqual(3_600_000);
    await stack.redis.pexpire(key, 0);
    expect((await get()).status).toBe(404);
  });

  test("counts no stranger, no callback and no look at health", async ({ expect }) => {
    const app = await rated("1/1h");
    for (const path of ["/v1/jobs", "/healthz"])
      await ask(app, { method: "GET", path, token: "x" });
    await ask(app, { method: "POST", path: "/v1/results", body: {}, token: "x" });
    expect(stack.sent).toEqual([]);
  });

  test("counts the jobs of a batch, and leaves room where it refuses one", async ({ expect }) => {
    const app = await rated("10/1h");
    const batch = (count: number) =>
      ask(app, {
        method: "POST",
        path: "/v1/jobs/batch",
        body: { jobs: Array.from({ length: count }, () => ({ name: "echo" })) },
        token: "dispatch",
      });
    expect((await batch(6)).status).toBe(202);
    expect(await batch(5)).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect((await batch(3)).status).toBe(202);
    const one = () =>
      ask(app, { method: "POST", path: "/v1/jobs", body: { name: "echo" }, token: "dispatch" });
    expect((await one()).status).toBe(202);
    expect((await one()).status).toBe(429);
    const { body, status, headers } = await batch(11);
    expect([status, body["code"], headers.get("retry-after")]).toEqual([
      400,
      "invalid_request",
      null,
    ]);
    expect(body["detail"]).toMatch(/^expected at most 10 jobs in a request.*got 11$/);
  });

  test("counts a batch that is refused once, and what is sent again by its jobs", async ({
    expect,
  }) => {
    const app = await rated("3/1h");
    const post = (path: string, body: unknown, token: string) =>
      ask(app, { method: "POST", path, body, token });
    for (const body of ["{", { jobs: [] }, { jobs: [{ name: "a b" }] }])
      expect((await post("/v1/jobs/batch", body, "dispatch")).status).toBe(400);
    expect((await post("/v1/jobs/batch", "{", "dispatch")).status).toBe(429);
    const resend = (ids: readonly string[]) => post("/v1/failed/resend", { ids }, clientToken);
    expect((await resend(["a", "b", "c", "d"])).status).toBe(400);
    expect((await resend(["a", "b"])).status).toBe(202);
    expect((await resend(["a", "b"])).status).toBe(429);
    expect((await post("/v1/failed/resend", {}, clientToken)).status).toBe(202);
    expect((await post("/v1/failed/resend", {}, clientToken)).status).toBe(429);
  });

  test("costs three commands, two, and three where it refuses; none where there is none", async ({
    expect,
  }) => {
    const app = await rated("2/1m");
    const costOf = async (asking: () => Promise<unknown>) => {
      await stack.redis.config("RESETSTAT");
      await asking();
      const stats = await stack.redis.info("commandstats");
      const counted = [...stats.matchAll(/cmdstat_(eval|incr|pexpire|pttl):calls=(\d+)/g)];
      return counted.reduce((sum, [, , calls]) => sum + Number(calls), 0);
    };
    const path = "/v1/nowhere";
    expect(await costOf(() => stack.ask("GET", path))).toBe(0);
    const costs: number[] = [];
    for (let count = 0; count < 3; count++)
      costs.push(await costOf(() => ask(app, { method: "GET", path })));
    expect(costs).toEqual([3, 2, 3]);
    expect(stack.sent).toHaveLength(3);
  });
});
