/** The typed client with tokens that may not do everything, and not as often as they like. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createClient } from "../../../client/index.ts";
import { caught } from "../../support/caught.ts";
import { type Stack, startStack } from "../../support/http-app.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const tokens = [
  { name: "shop", sha256: sha256("shop"), scopes: ["dispatch"], queues: ["a"] },
  { name: "hasty", sha256: sha256("hasty"), scopes: ["dispatch", "read"], rateLimit: "1/1h" },
  { name: "keen", sha256: sha256("keen"), scopes: ["dispatch", "manage"], rateLimit: "1/1h" },
];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({}, { SIGNALBOX_TOKENS: JSON.stringify(tokens) });
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

/** A client, and the statuses that it was answered with. The window of `ending` is over once it was refused. */
function open(token: string, ending?: string) {
  const statuses: number[] = [];
  const client = createClient({
    url: "http://signalbox.test",
    token,
    fetch: async (url, init) => {
      const response = await stack.app.request(new Request(url, init));
      statuses.push(response.status);
      if (response.status !== 429 || ending === undefined) return response;
      await stack.redis.del(`signalbox:rate:${ending}`);
      const headers = new Headers(response.headers);
      headers.set("retry-after", "0");
      return new Response(response.body, { status: 429, headers });
    },
  });
  return { client, statuses };
}

test("what a token may not do is an error by its code, and is not repeated", async ({ expect }) => {
  const { client, statuses } = open("shop");
  const { id } = await client.dispatch({ name: "echo", queue: "a" });
  expect(await caught(client.get(id))).toMatchObject({ code: "forbidden", status: 403 });
  const other = await caught(client.dispatch({ name: "echo", queue: "b" }));
  expect(other).toMatchObject({ code: "forbidden", status: 403 });
  expect(other.detail).toContain("token shop");
  expect(statuses).toEqual([202, 403, 403]);
});

test("too many requests, and long to wait, is an error that says how long", async ({ expect }) => {
  const { client, statuses } = open("hasty");
  await client.dispatch({ name: "echo" });
  const error = await caught(client.dispatch({ name: "echo" }));
  expect(error).toMatchObject({ code: "rate_limited", status: 429 });
  expect(error.retryAfter).toBeGreaterThan(3_500);
  expect(statuses).toEqual([202, 429]);
});

test("too many requests, and not long to wait, are made again as told", async ({ expect }) => {
  const { client, statuses } = open("keen", "keen");
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  await client.cancel("j1");
  // Not one to repeat where an answer was lost; but here it was turned away.
  expect(await client.retry("j1")).toMatchObject({ resent: true });
  expect(statuses).toEqual([200, 429, 202]);
});

test("a deletion that was turned away first is not taken for one that was done", async ({
  expect,
}) => {
  const { client, statuses } = open("keen", "keen");
  await caught(client.cancel("nothing"));
  expect(await caught(client.delete("nothing"))).toMatchObject({ code: "not_found" });
  expect(statuses).toEqual([404, 429, 404]);
});
