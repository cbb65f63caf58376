/** Every kind of bad input: a status, a stable code, a sentence, and nothing changed. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { clientToken, read, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({}, { SIGNALBOX_MAX_PAYLOAD_BYTES: "1000", SIGNALBOX_MAX_DEPTH: "8" });
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
const deep = (levels: number) => `{"name":"echo","payload":${nested(levels)}}`;
const job = (fields: object) => JSON.stringify({ name: "echo", ...fields });
const batch = (...jobs: object[]) => JSON.stringify({ jobs });

const bodies: readonly (readonly [what: string, path: string, body: string, code: string])[] = [
  ["no body", "/v1/jobs", "", "body_not_json"],
  ["half of a JSON", "/v1/jobs", '{"name":"echo"', "body_not_json"],
  ["a JSON and more", "/v1/jobs", '{"name":"echo"} {}', "body_not_json"],
  ["a form", "/v1/jobs", "name=echo", "body_not_json"],
  ["a byte order mark", "/v1/jobs", "\uFEFF{}", "body_not_json"],
  ["not a number", "/v1/jobs", '{"name":"echo","payload":NaN}', "body_not_json"],
  ["null", "/v1/jobs", "null", "invalid_request"],
  ["an array", "/v1/jobs", "[]", "invalid_request"],
  ["a string", "/v1/jobs", '"echo"', "invalid_request"],
  ["no name", "/v1/jobs", "{}", "invalid_request"],
  ["a number as name", "/v1/jobs", job({ name: 7 }), "invalid_request"],
  ["an empty name", "/v1/jobs", job({ name: "" }), "invalid_request"],
  ["a long name", "/v1/jobs", job({ name: "x".repeat(65) }), "invalid_request"],
  ["a name with a space", "/v1/jobs", job({ name: "a b" }), "invalid_request"],
  ["a name with a line break at its end", "/v1/jobs", job({ name: "a\n" }), "invalid_request"],
  ["null as id", "/v1/jobs", job({ id: null }), "invalid_request"],
  ["a number as id", "/v1/jobs", job({ id: 1 }), "invalid_request"],
  ["an id with a quote", "/v1/jobs", job({ id: 'a"b' }), "invalid_request"],
  ["an id that no URL can name", "/v1/jobs", job({ id: ".." }), "invalid_request"],
  ["the id of a schedule's run", "/v1/jobs", job({ id: "s@1795500000000" }), "invalid_request"],
  [
    "and of one in turn",
    "/v1/jobs/batch",
    batch({ name: "echo", id: "s@1795500000000+" }),
    "invalid_request",
  ],
  ["a long id", "/v1/jobs", job({ id: "x".repeat(129) }), "invalid_request"],
  ["a node with a comma", "/v1/jobs", job({ node: "1,2" }), "invalid_request"],
  ["a number as node", "/v1/jobs", job({ node: 1 }), "invalid_request"],
  ["a queue with a brace", "/v1/jobs", job({ queue: "{a}" }), "invalid_request"],
  ["no attempts", "/v1/jobs", job({ attempts: 0 }), "invalid_request"],
  ["101 attempts", "/v1/jobs", job({ attempts: 101 }), "invalid_request"],
  ["half an attempt", "/v1/jobs", job({ attempts: 1.5 }), "invalid_request"],
  ["attempts as text", "/v1/jobs", job({ attempts: "3" }), "invalid_request"],
  ["no time", "/v1/jobs", job({ timeoutMs: 0 }), "invalid_request"],
  ["more than a day", "/v1/jobs", job({ timeoutMs: 86_400_001 }), "invalid_request"],
  ["an unknown field", "/v1/jobs", job({ payloud: 1 }), "invalid_request"],
  ["__proto__", "/v1/jobs", '{"name":"echo","__proto__":{}}', "invalid_request"],
  ["a number beyond a double", "/v1/jobs", '{"name":"echo","payload":1e400}', "invalid_request"],
  [
    "a batch with a number beyond a double, deep in a payload",
    "/v1/jobs/batch",
    '{"jobs":[{"name":"echo"},{"name":"echo","payload":{"a":[1,{"b":-1e999}]}}]}',
    "invalid_request",
  ],
  ["a job whose queue is in the query", "/v1/jobs?queue=a", job({}), "invalid_request"],
  ["a batch with a query", "/v1/jobs/batch?queue=a", batch({ name: "echo" }), "invalid_request"],
  ["a payload too large", "/v1/jobs", job({ payload: "x".repeat(999) }), "payload_too_large"],
  [
    "a payload too large in bytes",
    "/v1/jobs",
    job({ payload: "é".repeat(500) }),
    "payload_too_large",
  ],
  ["a body too large", "/v1/jobs", job({ payload: "x".repeat(70_000) }), "body_too_large"],
  ["a payload too deep", "/v1/jobs", deep(9), "body_too_deep"],
  ["a million brackets", "/v1/jobs/batch", nested(1_000_000), "body_too_deep"],
  ["a batch that is an array", "/v1/jobs/batch", "[]", "invalid_request"],
  ["a batch without jobs", "/v1/jobs/batch", "{}", "invalid_request"],
  ["a batch of none", "/v1/jobs/batch", batch(), "invalid_request"],
  [
    "a batch of 1,001",
    "/v1/jobs/batch",
    batch(...Array.from({ length: 1_001 }, () => ({ name: "echo" }))),
    "invalid_request",
  ],
  [
    "a batch for 33 queues",
    "/v1/jobs/batch",
    batch(...Array.from({ length: 33 }, (_, at) => ({ name: "echo", queue: `q${at}` }))),
    "invalid_request",
  ],
  [
    "a batch with an unknown field in one job",
    "/v1/jobs/batch",
    batch({ name: "echo" }, { name: "echo", x: 1 }),
    "invalid_request",
  ],
  [
    "a batch with one payload too large",
    "/v1/jobs/batch",
    batch({ name: "echo" }, { name: "echo", payload: "x".repeat(1_000) }),
    "payload_too_large",
  ],
  ["a batch too large", "/v1/jobs/batch", " ".repeat(8_388_609), "body_too_large"],
];

const statusOf: Readonly<Record<string, number>> = {
  body_not_json: 400,
  invalid_request: 400,
  body_too_deep: 400,
  payload_too_large: 413,
  body_too_large: 413,
};

describe("a body is refused that is", () => {
  test.for(bodies)("%s", async ([, path, body, code], { expect }) => {
    const answer = await stack.ask("POST", path, body);
    expect(answer.body).toMatchObject({ code, status: statusOf[code], type: "about:blank" });
    expect(answer.status).toBe(statusOf[code]);
    expect(answer.body["detail"]).toMatch(/expected/);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(stack.sent).toEqual([]);
    expect(await stack.keys()).toBe(0);
  });
});

test("what is just within the limits is accepted", async ({ expect }) => {
  const accepted = [
    deep(8),
    job({ payload: "x".repeat(998) }),
    job({ id: "x".repeat(128), name: "n".repeat(64), node: "1", queue: "q".repeat(64) }),
    job({ attempts: 100, timeoutMs: 86_400_000 }),
    '{"name":"echo","payload":{"__proto__":1}}',
    '{"name":"echo","payload":[1.7976931348623157e308,-0,5e-324,1e-400]}',
  ];
  for (const body of accepted) {
    expect(await stack.ask("POST", "/v1/jobs", body)).toMatchObject({ status: 202 });
  }
});

const post = async (body: BodyInit) =>
  read(
    await stack.app.request("/v1/jobs", {
      method: "POST",
      headers: { authorization: `Bearer ${clientToken}` },
      body,
      duplex: "half",
    } as RequestInit),
  );

test("a body is refused that is not UTF-8", async ({ expect }) => {
  const bytes = new TextEncoder().encode('{"name":"echo","payload":"?"}');
  bytes[26] = 0xff;
  expect((await post(bytes)).body).toMatchObject({ code: "body_not_json" });
  expect(await stack.keys()).toBe(0);
});

/** A body of `size` bytes whose length nobody announces; says how much of it was taken. */
function unannounced(size: number) {
  const sent = { bytes: 0, isCancelled: false };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(10_000).fill(0x20));
      sent.bytes += 10_000;
      if (sent.bytes >= size) controller.close();
    },
    cancel() {
      sent.isCancelled = true;
    },
  });
  return { stream, sent };
}

test("a body that grows too large on the way is received to its end, for its sender to see why", async ({
  expect,
}) => {
  const { stream, sent } = unannounced(5_000_000);
  expect(await post(stream)).toMatchObject({ status: 413, body: { code: "body_too_large" } });
  expect(sent).toEqual({ bytes: 5_000_000, isCancelled: false });
  expect(await stack.keys()).toBe(0);
});

test("a body that does not end is cut off", async ({ expect }) => {
  const { stream, sent } = unannounced(Infinity);
  expect(await post(stream)).toMatchObject({ status: 413, body: { code: "body_too_large" } });
  expect(sent.isCancelled).toBe(true);
  expect(sent.bytes).toBeLessThan(34_000_000);
});

test("each thing wrong is named by its place", async ({ expect }) => {
  const { body } = await stack.ask("POST", "/v1/jobs", { name: 1, id: "a b", attempts: 0 });
  expect(body["errors"]).toMatchObject([{ path: "name" }, { path: "id" }, { path: "attempts" }]);
});

const queries = [
  "/v1/jobs?limit=0",
  "/v1/jobs?limit=101",
  "/v1/jobs?limit=ten",
  "/v1/jobs?limit=",
  "/v1/jobs?state=done",
  "/v1/jobs?queue=a%20b",
  "/v1/jobs?name=a,b",
  "/v1/jobs?cursor=nonsense",
  "/v1/jobs?cursor=%00",
  "/v1/jobs?cursor=",
  `/v1/jobs?cursor=${btoa("1-0 a b 1")}`,
  "/v1/jobs?order=asc",
  "/v1/jobs?queue=a&queue=b",
  "/v1/jobs/j1?wait=26",
  "/v1/jobs/j1?wait=-1",
  "/v1/jobs/j1?wait=soon",
  "/v1/jobs/j1?wait=1e1",
  "/v1/jobs/j1?queue=",
  "/v1/jobs/j1?waits=1",
  "/v1/nodes?queue=a",
];
test.for(queries)("GET %s is refused", async (path, { expect }) => {
  const answer = await stack.ask("GET", path);
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(stack.sent).toEqual([]);
});

test("an id that is not known is not found", async ({ expect }) => {
  for (const path of [
    "/v1/jobs/j1",
    "/v1/jobs/j1?queue=q",
    "/v1/jobs/a%20b",
    "/v1/jobs/j1?wait=1",
  ]) {
    expect(await stack.ask("GET", path)).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
  }
});

test("a path that is not known is not found, a method says what is allowed", async ({ expect }) => {
  for (const path of ["/", "/v1", "/v2/jobs", "/v1/jobs/a/b", "/v1/jobs/"]) {
    expect(await stack.ask("GET", path)).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
  }
  const wrong = [
    ["DELETE", "/v1/jobs", "GET, HEAD, POST"],
    ["PUT", "/v1/jobs/j1", "GET, HEAD, DELETE"],
    ["POST", "/v1/nodes", "GET, HEAD"],
    ["GET", "/v1/results", "POST"],
    ["POST", "/healthz", "GET, HEAD"],
  ] as const;
  for (const [method, path, allow] of wrong) {
    const answer = await stack.ask(method, path);
    expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(answer.headers.get("allow")).toBe(allow);
  }
});

test("without the token nothing is answered but health", async ({ expect }) => {
  const headers = [
    {},
    { authorization: "" },
    { authorization: clientToken },
    { authorization: `Basic ${btoa(`x:${clientToken}`)}` },
    { authorization: "Bearer " },
    { authorization: `Bearer ${clientToken}x` },
    { authorization: `Bearer ${clientToken.slice(0, -1)}` },
    { authorization: `Bearer ${clientToken.toUpperCase()}` },
  ];
  for (const path of ["/v1/jobs", "/v1/jobs/batch", "/v1/jobs/j1", "/v1/nodes", "/v1/unknown"]) {
    for (const each of headers) {
      const answer = await read(await stack.app.request(path, { headers: each as HeadersInit }));
      expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized" } });
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(JSON.stringify(answer.body)).not.toContain(clientToken);
    }
  }
  expect(stack.sent).toEqual([]);
  expect((await stack.app.request("/healthz")).status).toBe(200);
});

test("no answer may be kept or guessed at", async ({ expect }) => {
  for (const path of ["/healthz", "/v1/jobs", "/v1/jobs/unknown", "/nowhere"]) {
    const { headers } = await stack.ask("GET", path);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});
