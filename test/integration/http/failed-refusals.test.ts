/** Bad input to the routes of the failed set: refused, said why, and nothing asked of Redis. */
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const post = (what: "resend" | "delete", body: unknown) =>
  stack.ask("POST", `/v1/failed/${what}`, body);
const numbers = (count: number) => Array.from({ length: count }, (_, at) => `j${at}`);

const bodies: readonly (readonly [what: string, body: unknown, says: RegExp])[] = [
  ["no object", [], /^expected an object with queue\?, and either ids or/],
  ["no ids", { ids: [] }, /^ids: expected an array of 1 to 1000 ids$/],
  ["1,001 ids", { ids: numbers(1_001) }, /^ids: expected an array of 1 to 1000 ids$/],
  ["ids that are one text", { ids: "j1" }, /^ids: expected an array/],
  ["ids that are numbers", { ids: [1] }, /^ids\.0: expected a job id/],
  ["an id that is none", { ids: ["a b"] }, /^ids\.0: expected a job id/],
  [
    "ids and a name",
    { ids: ["j1"], name: "echo" },
    /^expected either ids, or name, code and cursor$/,
  ],
  ["ids and a code", { ids: ["j1"], code: "odd" }, /^expected either ids/],
  ["ids and a cursor", { ids: ["j1"], cursor: "1" }, /^expected either ids/],
  ["a name that is none", { name: "a b" }, /^name: expected a job name/],
  ["a code that is none", { code: "a b" }, /^code: expected the code of a failure$/],
  ["a code that is a number", { code: 7 }, /^code: expected the code of a failure$/],
  ["a queue that is none", { queue: "{a}" }, /^queue: expected a queue name/],
  ["a cursor that is a number", { cursor: 1 }, /^cursor: expected a cursor that this route gave$/],
  ["a cursor that is none", { cursor: "-1" }, /^cursor: expected a cursor/],
  ["an unknown field", { state: "failed" }, /got also "state"$/],
];

test.for(bodies)("resend and delete refuse %s", async ([, body, says], { expect }) => {
  for (const what of ["resend", "delete"] as const) {
    const answer = await post(what, body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(answer.body["detail"]).toMatch(says);
  }
  expect(stack.sent).toEqual([]);
});

test("the body alone names the jobs, and there must be one", async ({ expect }) => {
  for (const what of ["resend", "delete"] as const) {
    for (const path of [`/v1/failed/${what}?queue=slow`, `/v1/failed/${what}?x`]) {
      const answer = await stack.ask("POST", path, {});
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    }
    expect(await stack.ask("POST", `/v1/failed/${what}`)).toMatchObject({
      status: 400,
      body: { code: "body_not_json" },
    });
    const large = JSON.stringify({ ids: ["x".repeat(300_000)] });
    expect(await post(what, large)).toMatchObject({
      status: 413,
      body: { code: "body_too_large" },
    });
  }
  expect(stack.sent).toEqual([]);
});

const queries = [
  "limit=0",
  "limit=101",
  "limit=",
  "cursor=x",
  "cursor=-1",
  "cursor=1e3",
  "cursor=",
  "cursor=1234567890",
  "code=a%20b",
  "code=",
  "name=a,b",
  "queue=",
  "state=failed",
  "limit=1&limit=2",
];
test.for(queries)("GET /v1/failed?%s is refused", async (query, { expect }) => {
  const answer = await stack.ask("GET", `/v1/failed?${query}`);
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(answer.body["detail"]).toMatch(/expected/);
  expect(stack.sent).toEqual([]);
});
