/** Requests at random: of the form that the API expects, and the same with one part made wrong. */
import fc from "fast-check";

/** One request. */
export interface Shot {
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
const times = fc.constantFrom(
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
    fc.oneof(fc.constant({}), fc.record({ delayMs: spans }), fc.record({ runAt: times })),
    fc.oneof(fc.constant({}), fc.record({ ttlMs: spans }), fc.record({ expiresAt: times })),
  )
  .map(([job, start, end]) => ({ ...job, ...start, ...end }));
const selections = fc.oneof(
  some({ queue: queues, ids: fc.array(ids, { minLength: 1, maxLength: 4 }) }, "ids"),
  some({ queue: queues, name: names, code: codes, cursor: fc.constantFrom("0", "5") }),
);
const rules = fc.oneof(
  fc.record({ runAt: times }),
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
  shot("POST", on("/next"), { body: fc.record({ at: times }), query: { queue: queues } }),
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

/** Half of them nearly right, half of them right. */
export const shots: fc.Arbitrary<Shot> = fc.oneof(
  right,
  fc.tuple(right, mutation).map(([given, how]) => mutated(given, how)),
);
