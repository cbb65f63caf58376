/** Numbers in requests that JavaScript would read as others: refused, with their place. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const bodies: readonly (readonly [what: string, path: string, body: string])[] = [
  [
    "a whole number that would change",
    "/v1/jobs",
    '{"name":"echo","payload":{"id":175928847299117063}}',
  ],
  [
    "a batch with one, deep in a payload",
    "/v1/jobs/batch",
    '{"jobs":[{"name":"echo"},{"name":"echo","payload":[{"ids":[1,-9007199254740993]}]}]}',
  ],
  [
    "a schedule with one",
    "/v1/schedules",
    '{"cron":"@daily","name":"echo","payload":123456789012345678901234567890}',
  ],
  [
    "a schedule with a number beyond a double",
    "/v1/schedules",
    '{"cron":"@daily","name":"echo","payload":[1e400]}',
  ],
];

describe("a body is refused with", () => {
  test.for(bodies)("%s", async ([, path, body], { expect }) => {
    const answer = await stack.ask("POST", path, body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(answer.body["detail"]).toMatch(/payload.*: expected a number that JavaScript can hold/);
    expect(stack.sent).toEqual([]);
    expect(await stack.keys()).toBe(0);
  });
});

test("a number that would change is named, with its place and what it would become", async ({
  expect,
}) => {
  const payload = '{"rows":[{"id":1},{"id":175928847299117063}]}';
  const schedule = await stack.ask(
    "PUT",
    "/v1/schedules/s",
    `{"cron":"@daily","name":"echo","payload":${payload}}`,
  );
  const job = await stack.ask("POST", "/v1/jobs", `{"name":"echo","payload":${payload}}`);
  for (const { status, body } of [job, schedule]) {
    expect(status).toBe(400);
    expect(body["detail"]).toBe(
      "payload.rows.1.id: expected a number that JavaScript can hold, got 175928847299117063, " +
        "which it reads as 175928847299117060; send it as a string",
    );
  }
});

test("numbers that survive are stored as they were written", async ({ expect }) => {
  const accepted = [
    "[9007199254740991,-9007199254740992,100000000000000000000,0.1,1e-7]",
    '{"175928847299117063":"175928847299117063"}',
    '"1e400"',
  ];
  for (const payload of accepted) {
    const { status, body } = await stack.ask(
      "POST",
      "/v1/jobs",
      `{"name":"echo","payload":${payload}}`,
    );
    expect(status).toBe(202);
    const job = await stack.redis.hget("signalbox:{default}:jobs", String(body["id"]));
    expect(job).toContain(`"payload":${payload}`);
  }
  const rounded = '{"name":"echo","payload":3.14159265358979323846}';
  expect((await stack.ask("POST", "/v1/jobs", rounded)).status).toBe(202);
});
