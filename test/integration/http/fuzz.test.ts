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
import { type Shot, shots } from "../../support/random-requests.ts";

let stack: Stack;
let node: TestNode;
beforeAll(async () => {
  stack = await startStack();
  node = await joinNode(stack, { name: "1", slots: 3 });
});
afterAll(() => node.close().finally(() => stack.close()));

const limits = { dueItems: 50, schedules: 50, runs: 50, evaluations: 100 };

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

/** Fails and ends jobs and runs what is due, so that the routes find jobs in every state. */
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
  // A run that misses a kind of answer proves nothing about it.
  const missing = [200, 202, 204, 400, 401, 404, 405, 409].filter((status) => !(status in seen));
  expect(missing, JSON.stringify(seen)).toEqual([]);
});
