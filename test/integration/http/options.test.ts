/** The options that say how often and when: attempts, backoff, delayMs or runAt, ttlMs or expiresAt. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const fixed = (more: object) => ({ backoff: { kind: "fixed", delayMs: 1, ...more } });
const list = (delaysMs: unknown) => ({ backoff: { kind: "list", delaysMs } });
const dedupe = (more: object) => ({ dedupe: { windowMs: 1_000, ...more } });
const week = 604_800_000;

const refused: readonly (readonly [what: string, options: object, says: RegExp])[] = [
  ["no delay", { delayMs: 0 }, /^delayMs: expected delayMs: a whole number from 1 to 31622400000$/],
  ["a delay of more than 366 days", { delayMs: 31_622_400_001 }, /^delayMs/],
  ["half a millisecond", { delayMs: 0.5 }, /^delayMs/],
  ["a delay as text", { delayMs: "1000" }, /^delayMs/],
  ["null as delay", { delayMs: null }, /^delayMs/],
  [
    "both delayMs and runAt",
    { delayMs: 1, runAt: 1_800_000_000_000 },
    /^expected delayMs or runAt/,
  ],
  [
    "runAt without a zone",
    { runAt: "2027-01-31T09:00:00" },
    /^runAt: expected runAt: RFC 3339 with/,
  ],
  ["runAt as a date alone", { runAt: "2027-01-31" }, /^runAt/],
  ["runAt on a day that is none", { runAt: "2027-02-29T09:00:00Z" }, /^runAt/],
  ["runAt at an hour that is none", { runAt: "2027-01-31T24:00:00Z" }, /^runAt/],
  ["runAt in a zone that is none", { runAt: "2027-01-31T09:00:00+24:00" }, /^runAt/],
  ["runAt as RFC 1123", { runAt: "Sun, 31 Jan 2027 09:00:00 GMT" }, /^runAt/],
  ["runAt as digits in text", { runAt: "1800000000000" }, /^runAt/],
  ["runAt in seconds", { runAt: 1_800_000_000 }, /\(not seconds\)/],
  ["runAt in microseconds", { runAt: 1_800_000_000_000_000 }, /1973 to 9999/],
  ["runAt in a fraction", { runAt: 1_800_000_000_000.5 }, /^runAt/],
  ["a negative runAt", { runAt: -1 }, /^runAt/],
  ["runAt before 1973", { runAt: "1969-07-20T20:17:40Z" }, /^runAt/],
  ["runAt as an empty text", { runAt: "" }, /^runAt/],
  ["no time to live", { ttlMs: 0 }, /^ttlMs/],
  ["a time to live of more than 366 days", { ttlMs: 31_622_400_001 }, /^ttlMs/],
  [
    "both ttlMs and expiresAt",
    { ttlMs: 1, expiresAt: 1_800_000_000_000 },
    /^expected ttlMs or exp/,
  ],
  [
    "expiresAt without a zone",
    { expiresAt: "2027-01-31T09:00:00" },
    /^expiresAt: expected expiresAt/,
  ],
  ["expiresAt in seconds", { expiresAt: 1_800_000_000 }, /^expiresAt/],
  ["a backoff that is a number", { backoff: 1_000 }, /^backoff: expected backoff: \{"kind"/],
  ["a backoff without a kind", { backoff: { delayMs: 1 } }, /^backoff\.kind: expected backoff/],
  ["a backoff of another kind", { backoff: { kind: "linear", delayMs: 1 } }, /^backoff\.kind/],
  ["a fixed backoff without delay", { backoff: { kind: "fixed" } }, /^backoff\.delayMs: expected/],
  ["a fixed backoff with a cap", fixed({ capMs: 1 }), /^backoff: expected .*got also "capMs"$/],
  ["a backoff of more than a week", fixed({ delayMs: week + 1 }), /^backoff\.delayMs: expected/],
  [
    "jitter above 1",
    fixed({ jitter: 1.1 }),
    /^backoff\.jitter: expected jitter: a number from 0 to 1$/,
  ],
  ["negative jitter", fixed({ jitter: -0.1 }), /^backoff\.jitter/],
  ["jitter as text", fixed({ jitter: "0.1" }), /^backoff\.jitter: expected jitter/],
  [
    "an empty list",
    list([]),
    /^backoff\.delaysMs: expected delaysMs: an array of 1 to 100 delays$/,
  ],
  ["a list of 101", list(Array(101).fill(1)), /^backoff\.delaysMs: expected/],
  ["a list with a zero", list([1, 0]), /^backoff\.delaysMs\.1: expected/],
  ["no list", list(1), /^backoff\.delaysMs: expected/],
  ["dedupe that is a text", { dedupe: "k" }, /^dedupe: expected dedupe with windowMs/],
  ["dedupe without a window", { dedupe: { key: "k" } }, /^dedupe\.windowMs: expected windowMs/],
  ["a window of none", dedupe({ windowMs: 0 }), /^dedupe\.windowMs/],
  ["a window of more than 366 days", dedupe({ windowMs: 31_622_400_001 }), /^dedupe\.windowMs/],
  ["another mode", dedupe({ mode: "drop" }), /^dedupe\.mode: expected mode: reject, return, rep/],
  ["an empty key", dedupe({ key: "" }), /^dedupe\.key: expected a key of 1 to 256 characters/],
  ["a long key", dedupe({ key: "k".repeat(257) }), /^dedupe\.key/],
  ["a key with a line break", dedupe({ key: "a\nb" }), /^dedupe\.key/],
  ["a key that ends in a line break", dedupe({ key: "a\n" }), /^dedupe\.key/],
  ["a key with half a character", dedupe({ key: "\ud83d" }), /^dedupe\.key/],
  ["a number as key", dedupe({ key: 1 }), /^dedupe\.key: expected a key/],
  ["an unknown field in dedupe", dedupe({ ttl: 1 }), /^dedupe: expected .*got also "ttl"$/],
];

describe("a job is refused that has", () => {
  test.for(refused)("%s", async ([, options, says], { expect }) => {
    const job = { name: "echo", ...options };
    const answer = await stack.ask("POST", "/v1/jobs", job);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(answer.body["detail"]).toMatch(says);
    const batch = await stack.ask("POST", "/v1/jobs/batch", { jobs: [{ name: "echo" }, job] });
    expect(batch).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(batch.body["detail"]).toMatch(/^jobs\.1/);
    expect(stack.sent).toEqual([]);
    expect(await stack.keys()).toBe(0);
  });
});

test("options are accepted up to their bounds", async ({ expect }) => {
  const year = 31_622_400_000;
  const accepted = [
    { delayMs: 1, ttlMs: 1 },
    { delayMs: year, ttlMs: year },
    { runAt: "2027-01-31T09:00:00+01:00", expiresAt: "2027-01-31T09:00:00.123456Z" },
    { runAt: "1973-03-03T09:46:40Z", expiresAt: "9999-12-31T23:59:59.999Z" },
    { runAt: 253_402_300_799_999, expiresAt: 253_402_300_799_999 },
    { runAt: "2028-02-29T00:00:00-23:59" },
    fixed({ delayMs: week, jitter: 1 }),
    { backoff: { kind: "exponential", delayMs: 1, capMs: week, jitter: 0 } },
    { backoff: { kind: "exponential", delayMs: week } },
    list(Array(100).fill(week)),
    dedupe({ windowMs: year, key: "k".repeat(256), mode: "reject" }),
    dedupe({ key: '\u{1F682} {a} "b" \\ \t \u0000', mode: "debounce" }),
  ];
  for (const options of accepted) {
    const answer = await stack.ask("POST", "/v1/jobs", { name: "echo", ...options });
    expect(answer, JSON.stringify(options)).toMatchObject({ status: 202 });
    const read = await stack.ask("GET", `/v1/jobs/${String(answer.body["id"])}`);
    expect(read.status).toBe(200);
  }
});

test("a list of delays is no matter of depth, whatever the limit for payloads", async ({
  expect,
}) => {
  const flat = await startStack({}, { SIGNALBOX_MAX_DEPTH: "1" });
  try {
    const job = { name: "echo", ...list([1]) };
    expect(await flat.ask("POST", "/v1/jobs", job)).toMatchObject({ status: 202 });
    const batch = await flat.ask("POST", "/v1/jobs/batch", { jobs: [job] });
    expect(batch).toMatchObject({ status: 202 });
  } finally {
    await flat.close();
  }
});

test("a repeated id is the same job whatever it now says of when", async ({ expect }) => {
  const backoff = { kind: "fixed", delayMs: 5, jitter: 0.5 };
  const job = { name: "echo", id: "j1", payload: { a: 1 }, attempts: 2, backoff };
  const first = { ...job, delayMs: 60_000, ttlMs: 90_000, dedupe: { windowMs: 60_000, key: "k" } };
  expect((await stack.ask("POST", "/v1/jobs", first)).body).toMatchObject({ state: "delayed" });
  const { body: before } = await stack.ask("GET", "/v1/jobs/j1");
  const same = [
    first,
    job,
    { ...job, runAt: "2027-01-31T09:00:00Z", expiresAt: 1_800_000_000_000 },
    { ...job, dedupe: { windowMs: 1, mode: "reject" } },
    { ...job, dedupe: { windowMs: 1, key: "k", mode: "replace" } },
    { ...job, backoff: { jitter: 0.5, delayMs: 5, kind: "fixed" } },
  ];
  for (const again of same) {
    expect(await stack.ask("POST", "/v1/jobs", again)).toMatchObject({
      status: 202,
      body: { id: "j1", state: "delayed", duplicate: true },
    });
  }
  const others = [
    { ...job, attempts: 3 },
    { ...job, backoff: { ...backoff, delayMs: 6 } },
    { ...job, backoff: { kind: "list", delaysMs: [5] } },
    { name: "echo", id: "j1", payload: { a: 1 }, attempts: 2 },
  ];
  for (const other of others) {
    const answer = await stack.ask("POST", "/v1/jobs", other);
    expect(answer).toMatchObject({ status: 409, body: { code: "id_conflict" } });
    expect(answer.body["detail"]).toContain("not when it starts or expires");
  }
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toEqual(before);
});

test("a batch is refused that would be too large on its way to Redis", async ({ expect }) => {
  const quotes = Array.from({ length: 18 }, (_, at) => ({
    name: "echo",
    id: `q${at}`,
    payload: '"'.repeat(131_000),
  }));
  const numbers = (count: number) =>
    `{"jobs":[${Array(count)
      .fill(`{"name":"echo","payload":[${Array(11_000).fill("1e20").join(",")}]}`)
      .join(",")}]}`;
  for (const body of [{ jobs: quotes }, numbers(40)]) {
    const answer = await stack.ask("POST", "/v1/jobs/batch", body);
    expect(answer).toMatchObject({ status: 413, body: { code: "body_too_large" } });
    expect(answer.body["detail"]).toMatch(/expected a batch .* send fewer than \d+ jobs together$/);
  }
  expect(await stack.keys()).toBe(0);
  for (const body of [{ jobs: quotes.slice(0, 16) }, numbers(36)]) {
    expect(await stack.ask("POST", "/v1/jobs/batch", body)).toMatchObject({ status: 202 });
  }
});
