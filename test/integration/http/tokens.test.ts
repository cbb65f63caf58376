import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { operations } from "../../../functions/openapi/operations.ts";
import { scopes } from "../../../protocol/signing/api-token.ts";
import { ask, joinNode, type Stack, startStack } from "../../support/http-app.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const expiresAt = "2099-01-01T00:00:00Z";
const tokens = [
  ...scopes.map((scope) => ({ name: `${scope}-only`, sha256: sha256(scope), scopes: [scope] })),
  { name: "shop", sha256: sha256("shop"), scopes, queues: ["a", "b"] },
  { name: "home", sha256: sha256("home"), scopes, queues: ["default"] },
  { name: "passing", sha256: sha256("passing"), scopes, expiresAt },
];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({}, { SIGNALBOX_TOKENS: JSON.stringify(tokens) });
});
afterAll(() => stack.close());
beforeEach(() => stack.reset());

describe("a token with one scope", () => {
  const cases = Object.entries(operations).flatMap(([name, { method, path, access }]) =>
    scopes.map((scope) => ({ name, method, path: path.replace(":id", "j1"), access, scope })),
  );
  test.for(cases)("$scope: $method $path", async ({ method, path, access, scope }, { expect }) => {
    const body = method === "GET" || method === "DELETE" ? undefined : {};
    const answer = await stack.ask(method, path, body, scope);
    if (access === scope || access === "open" || access === "signature") {
      expect(answer.status).not.toBe(403);
      return;
    }
    expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(answer.headers.get("www-authenticate")).toBe('Bearer error="insufficient_scope"');
    expect(answer.body["detail"]).toBe(
      `expected a token with the scope ${access}; ${scope}-only has ${scope}`,
    );
    expect(stack.sent).toEqual([]);
  });
});

test("a token is good until it expires", async ({ expect }) => {
  const at = Date.parse(expiresAt);
  const request = { method: "GET", path: "/v1/nodes", token: "passing" };
  const before = createApp({ ...stack.deps, now: () => at - 1 });
  expect((await ask(before, request)).status).toBe(200);
  const after = createApp({ ...stack.deps, now: () => at });
  const answer = await ask(after, request);
  expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized" } });
  expect(answer.body["detail"]).toContain("passing was until 2099-01-01T00:00:00.000Z");
});

test("a digest is not a token", async ({ expect }) => {
  expect((await stack.ask("GET", "/v1/nodes", undefined, sha256("shop"))).status).toBe(401);
});

test("what there is not, and other methods, need any token, and no scope", async ({ expect }) => {
  expect((await stack.ask("GET", "/v1/nowhere", undefined, "dispatch")).status).toBe(404);
  expect((await stack.ask("PUT", "/v1/jobs", {}, "read")).status).toBe(405);
  expect((await stack.ask("GET", "/v1/nowhere", undefined, "unknown")).status).toBe(401);
  expect((await stack.ask("PUT", "/v1/jobs", {}, "unknown")).status).toBe(401);
});

describe("a token that is good for some queues", () => {
  const every = { everyMs: 3_600_000, name: "echo" };

  /** A job and a schedule in each of four queues, a node, and a failed job; ids tell the queue, but for `same`. */
  async function fill(): Promise<void> {
    for (const queue of ["default", "a", "b", "secret"]) {
      for (const id of [`of-${queue}`, "same"]) {
        await stack.ask("POST", "/v1/jobs", { name: "echo", id, queue, payload: queue });
        await stack.ask("PUT", `/v1/schedules/${id}`, { ...every, queue });
      }
    }
    const node = await joinNode(stack, { name: "hidden", queue: "secret" });
    await node.finish(await node.next(), { state: "failed", error: failure });
    await node.close();
    const both = await joinNode(stack, { name: "both", queue: "a", slots: 2 });
    await stack.nodes.join({
      queue: "secret",
      name: "both",
      epoch: null,
      slots: 5,
      info: "{}",
      running: [],
    });
    await both.close();
    stack.sent.length = 0;
  }
  const failure = { code: "broken", message: "no", retryable: false };

  const shop = (method: string, path: string, body?: unknown) =>
    stack.ask(method, path, body, "shop");

  test("sees its own in every list, and of nodes what they do for it", async ({ expect }) => {
    await fill();
    const jobs = await shop("GET", "/v1/jobs?limit=100");
    expect(queuesIn(jobs.body["jobs"])).toEqual(["a", "b"]);
    const schedules = await shop("GET", "/v1/schedules?limit=100");
    expect(queuesIn(schedules.body["schedules"])).toEqual(["a", "b"]);
    expect((await shop("GET", "/v1/schedules/count")).body).toEqual({ count: 4 });
    const nodes = await shop("GET", "/v1/nodes");
    expect(nodes.body["nodes"]).toMatchObject([
      { name: "both", slots: 2, queues: [{ queue: "a", slots: 2 }] },
    ]);
    for (const answer of [jobs, schedules, nodes])
      expect(JSON.stringify(answer.body)).not.toMatch(/secret|hidden/);
    expect(JSON.stringify(stack.sent)).not.toMatch(/\{secret\}|\{default\}/);
  });

  test("finds by id only the jobs of its queues, as if there were no others", async ({
    expect,
  }) => {
    await fill();
    for (const path of ["/v1/jobs/of-a", "/v1/jobs/of-a?wait=0.001", "/v1/schedules/same"]) {
      expect(await shop("GET", path)).toMatchObject({ status: 200, body: { queue: "a" } });
    }
    for (const path of ["/v1/jobs/same", "/v1/jobs/same?wait=0.001", "/v1/jobs/same/events"]) {
      const detail =
        "queue: expected the name of a queue, since a and b each have a job with this id";
      expect(await shop("GET", path)).toMatchObject({ status: 400, body: { detail } });
      const named = path.includes("?") ? `${path}&queue=b` : `${path}?queue=b`;
      if (!path.endsWith("events"))
        expect(await shop("GET", named)).toMatchObject({ status: 200, body: { queue: "b" } });
    }
    const unknown = await shop("GET", "/v1/jobs/nothing");
    for (const path of [
      "/v1/jobs/of-secret",
      "/v1/jobs/of-secret?wait=1",
      "/v1/jobs/of-secret/events",
      "/v1/jobs/of-default",
    ]) {
      expect(await shop("GET", path)).toMatchObject({ status: 404, body: unknown.body });
    }
    for (const action of ["cancel", "resend"]) {
      expect((await shop("POST", `/v1/jobs/of-secret/${action}`)).body).toEqual(unknown.body);
    }
    expect((await shop("DELETE", "/v1/jobs/of-secret")).body).toEqual(unknown.body);
    const schedule = "/v1/schedules/of-secret";
    expect((await shop("GET", schedule)).status).toBe(404);
    expect((await shop("GET", `${schedule}/history`)).status).toBe(404);
    expect((await shop("GET", `${schedule}/scheduled`)).body).toEqual({ scheduled: false });
    expect((await shop("DELETE", schedule)).body).toEqual({ id: "of-secret", existed: false });
    for (const action of ["pause", "resume", "run"])
      expect((await shop("POST", `${schedule}/${action}`)).status).toBe(404);
    expect((await shop("POST", `${schedule}/next`, { at: expiresAt })).status).toBe(404);
    expect(JSON.stringify(stack.sent)).not.toMatch(/\{secret\}|\{default\}/);
  });

  const job = { name: "echo" };
  test.for([
    ["GET", "/v1/jobs?queue=secret"],
    ["GET", "/v1/jobs/same?queue=secret"],
    ["GET", "/v1/jobs/same?queue=secret&wait=1"],
    ["GET", "/v1/jobs/same/events?queue=secret"],
    ["DELETE", "/v1/jobs/same?queue=secret"],
    ["POST", "/v1/jobs/same/cancel?queue=secret"],
    ["POST", "/v1/jobs/same/resend?queue=secret"],
    ["POST", "/v1/jobs", { ...job, queue: "secret" }],
    ["POST", "/v1/jobs", job],
    [
      "POST",
      "/v1/jobs/batch",
      {
        jobs: [
          { ...job, queue: "a" },
          { ...job, queue: "secret" },
        ],
      },
    ],
    ["GET", "/v1/failed"],
    ["GET", "/v1/failed?queue=secret"],
    ["POST", "/v1/failed/resend", { queue: "secret" }],
    ["POST", "/v1/failed/resend", { queue: "secret", ids: ["of-secret"] }],
    ["POST", "/v1/failed/delete", { queue: "secret" }],
    ["POST", "/v1/failed/delete", { ids: ["x"] }],
    ["GET", "/v1/schedules?queue=secret"],
    ["GET", "/v1/schedules/count?queue=secret"],
    ["PUT", "/v1/schedules/same", { ...every, queue: "secret" }],
    ["PUT", "/v1/schedules/same", every],
    ["POST", "/v1/schedules", { ...every, id: "same", queue: "secret" }],
    ["GET", "/v1/schedules/same?queue=secret"],
    ["GET", "/v1/schedules/same/scheduled?queue=secret"],
    ["GET", "/v1/schedules/same/history?queue=secret"],
    ["DELETE", "/v1/schedules/same?queue=secret"],
    ["POST", "/v1/schedules/same/pause?queue=secret"],
    ["POST", "/v1/schedules/same/resume?queue=secret"],
    ["POST", "/v1/schedules/same/run?queue=secret"],
    ["POST", "/v1/schedules/same/next?queue=secret", { at: expiresAt }],
  ] as const)("is refused in another: %s %s %j", async ([method, path, body], { expect }) => {
    await fill();
    const before = await stack.keys();
    const answer = await shop(method, path, body);
    expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(answer.body["detail"]).toMatch(
      /token shop .* got (secret|default); it is good for a, b$/,
    );
    expect(JSON.stringify(stack.sent)).not.toMatch(/EVAL|\{secret\}|\{default\}/);
    expect(await stack.keys()).toBe(before);
  });

  test("gets no further by a cursor of its own making", async ({ expect }) => {
    await fill();
    for (const cursor of ["secret/-", "secret/a", "default/-"]) {
      for (const queue of ["", "&queue=a"]) {
        const { status, body } = await shop("GET", `/v1/schedules?cursor=${cursor}${queue}`);
        expect(status === 200 ? queuesIn(body["schedules"]) : []).not.toContain("secret");
      }
    }
    const newest = btoa("999999999999999-0 secret 1");
    const { body } = await shop("GET", `/v1/jobs?cursor=${newest}`);
    expect(queuesIn(body["jobs"])).toEqual(["a", "b"]);
    expect(JSON.stringify(stack.sent)).not.toMatch(/\{secret\}|\{default\}/);
  });

  test("does its work there like any other", async ({ expect }) => {
    await fill();
    const made = await shop("POST", "/v1/jobs/batch", {
      jobs: [
        { ...job, id: "n1", queue: "a" },
        { ...job, id: "n2", queue: "b" },
      ],
    });
    expect(made.status).toBe(202);
    expect((await shop("POST", "/v1/jobs/n2/cancel")).body).toMatchObject({ queue: "b" });
    expect((await shop("PUT", "/v1/schedules/new", { ...every, queue: "b" })).status).toBe(201);
    expect((await shop("POST", "/v1/schedules/new/pause")).status).toBe(200);
    expect((await shop("DELETE", "/v1/schedules/new")).body).toMatchObject({ existed: true });
    const home = (path: string) => stack.ask("GET", path, undefined, "home");
    expect((await home("/v1/jobs/same")).body).toMatchObject({ queue: "default" });
    expect((await home("/v1/failed")).status).toBe(200);
    expect((await home("/v1/jobs/of-a")).status).toBe(404);
  });
});

function queuesIn(rows: unknown): readonly string[] {
  return [
    ...new Set((rows as readonly { readonly queue: string }[]).map(({ queue }) => queue)),
  ].sort();
}
