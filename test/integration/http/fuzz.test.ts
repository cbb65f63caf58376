/**
 * Requests at random, half of them nearly right: on a Redis that is well no answer is a 5xx, every
 * refusal is a problem with a code and a sentence, and what is refused has changed nothing.
 */
import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import { runDue } from "../../../protocol/ledger/due.ts";
import {
  clientToken,
  joinNode,
  type Stack,
  startStack,
  type TestNode,
} from "../../support/http-app.ts";

let stack: Stack;
let node: TestNode;
beforeAll(async () => {
  stack = await startStack();
  node = await joinNode(stack, { name: "1", slots: 3 });
});
afterAll(() => node.close().finally(() => stack.close()));

const limits = { dueItems: 50, schedules: 50, runs: 50, evaluations: 100 };

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const ids = fc.constantFrom("j1", "j2", "j3", "j4", "batch");
const spans = fc.integer({ min: 1, max: 100_000 });
const names = fc.constantFrom("echo", "other");
const queues = fc.constantFrom("default", "a");
const codes = fc.constantFrom("broken", "expired");
const moments = fc.constantFrom(
  "2001-01-31T09:00:00Z",
  "2199-01-31T09:00:00+01:00",
  1_800_000_000_000,
);
const some = <T extends object>(
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
  ...required: (keyof T)[]
) => fc.record(fields, { requiredKeys: required });

const backoffs = fc.oneof(
  fc.record({ kind: fc.constant("fixed"), delayMs: spans }),
  fc.record({ kind: fc.constant("exponential"), delayMs: spans, capMs: spans }),
  fc.record({
    kind: fc.constant("list"),
    delaysMs: fc.array(spans, { minLength: 1, maxLength: 3 }),
  }),
);
const dedupes = some(
  {
    windowMs: spans,
    key: fc.constantFrom("k", "l"),
    mode: fc.constantFrom("reject", "return", "replace", "debounce"),
  },
  "windowMs",
);
const jobs = fc
  .tuple(
    some(
      {
        name: names,
        id: ids,
        queue: queues,
        payload: fc.jsonValue({ maxDepth: 2 }),
        node: fc.constantFrom("1", "9"),
        attempts: fc.integer({ min: 1, max: 9 }),
        timeoutMs: spans,
        backoff: backoffs,
        dedupe: dedupes,
      },
      "name",
    ),
    fc.oneof(fc.constant({}), fc.record({ delayMs: spans }), fc.record({ runAt: moments })),
    fc.oneof(fc.constant({}), fc.record({ ttlMs: spans }), fc.record({ expiresAt: moments })),
  )
  .map(([job, start, end]) => ({ ...job, ...start, ...end }));
const selections = fc.oneof(
  some({ queue: queues, ids: fc.array(ids, { minLength: 1, maxLength: 4 }) }, "ids"),
  some({ queue: queues, name: names, code: codes, cursor: fc.constantFrom("0", "5") }),
);
const rules = fc.oneof(
  fc.record({ runAt: moments }),
  fc.record({ delayMs: spans }),
  some({ everyMs: fc.integer({ min: 1_000, max: 1e6 }), aligned: fc.boolean() }, "everyMs"),
  some(
    {
      cron: fc.constantFrom("* * * * * *", "30 2 * * MON-FRI", "0 0 L * *", "@daily"),
      timeZone: fc.constantFrom("Europe/Berlin", "Asia/Kathmandu"),
    },
    "cron",
  ),
);
const schedules = fc
  .tuple(
    rules,
    some(
      {
        name: names,
        queue: queues,
        payload: fc.jsonValue({ maxDepth: 2 }),
        ttlMs: spans,
        count: spans,
        jitterMs: fc.nat(9_999),
        graceMs: spans,
        keepHistory: fc.nat(9),
        missed: fc.constantFrom("skip", "latest", "all"),
        overlap: fc.constantFrom("allow", "skip", "queue", "cancel"),
      },
      "name",
    ),
  )
  .map(([rule, rest]) => ({ ...rule, ...rest }));
const states = fc.constantFrom("delayed", "queued", "running", "succeeded", "failed", "expired");

/** A request that has the form expected. */
const shot = (
  method: string,
  path: fc.Arbitrary<string> | string,
  given: Partial<{ query: object; body: object }>,
) =>
  fc.record({
    method: fc.constant(method),
    path: typeof path === "string" ? fc.constant(path) : path,
    query: some((given.query ?? {}) as Record<string, fc.Arbitrary<string>>),
    body: (given.body ?? fc.constant(undefined)) as fc.Arbitrary<unknown>,
  });
const at = (end: string) => ids.map((id) => `/v1/jobs/${id}${end}`);
const on = (end: string) => ids.map((id) => `/v1/schedules/${id}${end}`);
const actions = fc.constantFrom("/pause", "/resume", "/run").chain(on);
const views = fc.constantFrom("", "/scheduled", "/history").chain(on);
const right: fc.Arbitrary<Shot> = fc.oneof(
  { weight: 4, arbitrary: shot("PUT", on(""), { body: schedules }) },
  shot("POST", "/v1/schedules", { body: schedules }),
  { weight: 2, arbitrary: shot("POST", actions, { query: { queue: queues } }) },
  shot("POST", on("/next"), { body: fc.record({ at: moments }), query: { queue: queues } }),
  { weight: 2, arbitrary: shot("GET", views, { query: { queue: queues } }) },
  shot("DELETE", on(""), { query: { queue: queues } }),
  shot("GET", "/v1/schedules", { query: { queue: queues, limit: fc.constant("2") } }),
  shot("GET", "/v1/schedules/count", { query: { queue: queues } }),
  shot("POST", "/v1/schedules/preview", { body: rules }),
  { weight: 6, arbitrary: shot("POST", "/v1/jobs", { body: jobs }) },
  {
    weight: 2,
    arbitrary: shot("POST", "/v1/jobs/batch", {
      body: fc.array(jobs, { minLength: 1, maxLength: 5 }).map((list) => ({ jobs: list })),
    }),
  },
  { weight: 2, arbitrary: shot("POST", at("/cancel"), { query: { queue: queues } }) },
  { weight: 2, arbitrary: shot("POST", at("/resend"), { query: { queue: queues } }) },
  { weight: 3, arbitrary: shot("DELETE", at(""), { query: { queue: queues } }) },
  {
    weight: 2,
    arbitrary: shot("GET", at(""), { query: { queue: queues, wait: fc.constant("0.001") } }),
  },
  shot("GET", "/v1/jobs", {
    query: { queue: queues, state: states, name: names, limit: fc.constant("9") },
  }),
  shot("GET", "/v1/failed", {
    query: { queue: queues, code: codes, name: names, limit: fc.constant("9") },
  }),
  shot("POST", "/v1/failed/resend", { body: selections }),
  shot("POST", "/v1/failed/delete", { body: selections }),
  shot("GET", "/v1/nodes", {}),
  shot("POST", "/v1/results", { body: fc.constant({ deliveries: [] }) }),
);

const hostile =
  "__proto__|constructor|..|%|%zz|%00|-|+|*|| |\n|{a}|a,b|1e3|NaN|٣|\u2028|\ud800|2027-01-31";
const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom(...hostile.split("|"), "x".repeat(300)),
);
const values = fc.oneof(
  texts,
  fc.constantFrom(
    0,
    -1,
    0.5,
    1e21,
    1e300,
    31_622_400_001,
    253_402_300_800_000,
    Number.MAX_SAFE_INTEGER,
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
/** Makes one thing of a request wrong; `where` and `place` choose which. */
const mutation = fc.record({
  where: fc.nat(6),
  place: fc.nat(1_000),
  text: texts,
  value: values,
  method: fc.constantFrom("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;

function mutated(given: Shot, { where, place, text, value, method }: Mutation): Shot {
  const { path, query, body } = given;
  const encoded = encodeURIComponent(text.toWellFormed());
  switch (where) {
    case 0:
      return { ...given, method };
    case 1:
      return { ...given, path: path.replace(/[^/]+$/, encoded) };
    case 2:
      return { ...given, query: { ...query, [Object.keys(query)[0] ?? "queue"]: text } };
    case 3:
      return { ...given, query: { ...query, [text]: "1" } };
    case 4:
      return { ...given, body: JSON.stringify(body ?? {}).slice(0, -1 - (place % 9)) };
    case 5:
      return { ...given, body: { ...(body as object), [text]: value } };
    default:
      return { ...given, body: changed(body, place, value) };
  }
}

/** Puts `value` in the place of one of the values within `body`. */
function changed(body: unknown, place: number, value: unknown): unknown {
  if (typeof body !== "object" || body === null) return value;
  const keys = Object.keys(body);
  const key = keys[place % keys.length];
  if (key === undefined) return value;
  const within = (body as Record<string, unknown>)[key];
  const next = changed(within, Math.floor(place / keys.length), value);
  if (Array.isArray(body)) return body.with(Number(key), next) as unknown[];
  return { ...body, [key]: next };
}

const shots: fc.Arbitrary<Shot> = fc.oneof(
  right,
  fc.tuple(right, mutation).map(([given, how]) => mutated(given, how)),
);

async function shoot({ method, path, query, body }: Shot): Promise<Response> {
  const search = Object.entries(query)
    .map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join("="))
    .join("&");
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
  return stack.app.request(search === "" ? path : `${path}?${search}`, {
    method,
    headers: { authorization: `Bearer ${clientToken}` },
    ...(hasBody ? { body: text } : {}),
  });
}

/** All that Redis holds but deduplication keys (the only strings): those go when their time has come. */
const contentsLua = `
local reads = { hash = { "HGETALL", 2 }, set = { "SMEMBERS", 1 }, zset = { "ZRANGE", 2, 0, -1, "WITHSCORES" } }
local plain = { list = { "LRANGE", 0, -1 }, stream = { "XRANGE", "-", "+" } }
local all = {}
local function add(key, read, items)
  if read then
    local found = redis.call(read[1], key, unpack(read, 3))
    for i = 1, #found, read[2] do items[#items + 1] = table.concat(found, " ", i, i + read[2] - 1) end
    table.sort(items)
  end
  all[#all + 1] = key .. " " .. cjson.encode(items)
end
for _, key in ipairs(redis.call("KEYS", "*")) do
  local kind = redis.call("TYPE", key).ok
  if kind ~= "string" then add(key, reads[kind], plain[kind] and redis.call(plain[kind][1], key, unpack(plain[kind], 2)) or {}) end
end
table.sort(all)
return redis.sha1hex(table.concat(all, " "))`;
const contents = () => stack.redis.eval(contentsLua, 0);

/** Fails, ends and wakes what there is, so that the routes find jobs in every state. */
async function stir(failure: boolean): Promise<void> {
  for (const queue of ["default", "a", "b"]) await runDue(stack, [queue], limits);
  const members = await stack.redis.zrange("signalbox:{default}:leases", "0", "1");
  const member = members.find((each) => each !== "watch");
  if (member === undefined) return;
  const [id = "", token = "", on = ""] = member.split(" ");
  const error = { code: "broken", message: "no", retryable: false };
  const state = failure ? "failed" : "succeeded";
  const end = failure ? { error } : { result: 1 };
  const names = { id, name: "echo", queue: "default", node: on, token };
  const text = { v: 1, ...names, attempt: 1, state, ...end };
  await stack.nodes.finish(
    "default",
    [{ id, token, node: on, state, text: JSON.stringify(text) }],
    { nodes: [{ node: on, mode: on === "1" ? "take" : "pass", waiting: false }], wasBusy: false },
  );
}

test("no request makes a Redis that is well answer with a 5xx, nor changes anything if refused", async ({
  expect,
}) => {
  const seen: Record<number, number> = {};
  let before = await contents();
  await fc.assert(
    fc.asyncProperty(shots, fc.option(fc.boolean(), { freq: 4 }), async (shot, failure) => {
      if (failure !== null) {
        await stir(failure);
        before = await contents();
      }
      const response = await shoot(shot);
      const { status, headers } = response;
      const text = await response.text();
      const after = await contents();
      seen[status] = (seen[status] ?? 0) + 1;
      const isRead = shot.method === "GET" || shot.method === "HEAD";
      if (status >= 400 || isRead) expect(after).toBe(before);
      before = after;
      expect(status).toBeLessThan(500);
      expect(headers.get("cache-control")).toBe("no-store");
      if (status === 204 || shot.method === "HEAD") return;
      const body = JSON.parse(text) as Record<string, unknown>;
      expect(text).not.toMatch(/ZodError|SyntaxError|TypeError| at .*\.[jt]s/);
      if (status < 400) return;
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(body).toMatchObject({ type: "about:blank", status });
      expect(body["code"]).toMatch(/^[a-z_]+$/);
      expect(body["detail"]).toMatch(/expected/);
    }),
    { numRuns: 600 },
  );
  expect(stack.logged).toEqual([]);
  // It is of no use where it does not reach every kind of answer.
  const missing = [200, 202, 204, 400, 401, 404, 405, 409].filter((status) => !(status in seen));
  expect(missing, JSON.stringify(seen)).toEqual([]);
});
