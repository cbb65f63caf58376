/** The failed set: pages, filters, sending again and deleting many. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import type { Json } from "../../../protocol/wire/json.ts";
import { type Answer, joinNode, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

interface Line {
  readonly id: string;
  readonly name: string;
  readonly error: { readonly code: string };
}

/** Fails `count` jobs `j0 …`, `many` at a time; every tenth is named `rare`, every second has code `odd`. */
async function fail(
  count: number,
  { queue = "default", payload = null }: { queue?: string; payload?: Json } = {},
) {
  const node = await joinNode(stack, { name: "1", queue, slots: 250 });
  for (let from = 0; from < count; from += 250) {
    const jobs = Array.from({ length: Math.min(250, count - from) }, (_, at) => ({
      id: `j${from + at}`,
      name: (from + at) % 10 === 0 ? "rare" : "echo",
      queue,
      payload,
    }));
    await stack.ledger.dispatch(jobs);
    const endings = [];
    for (const { name } of jobs) {
      const { id, token } = await node.next();
      const error = {
        code: Number(id.slice(1)) % 2 ? "odd" : "even",
        message: "",
        retryable: false,
      };
      const text = { v: 1, id, name, queue, node: "1", token, attempt: 1, state: "failed", error };
      endings.push({ id, token, node: "1", state: "failed" as const, text: JSON.stringify(text) });
    }
    await stack.nodes.finish(queue, endings, {
      nodes: [{ node: "1", mode: "take" as const, waiting: false }],
      wasBusy: false,
    });
  }
  stack.sent.length = 0;
  return node;
}

const list = async (query = "") => {
  const { body } = await stack.ask("GET", `/v1/failed${query}`);
  return { jobs: body["jobs"] as Line[], cursor: body["cursor"] as string | null };
};
const post = (what: "resend" | "delete", body: unknown) =>
  stack.ask("POST", `/v1/failed/${what}`, body);
const idsOf = ({ body }: Answer, field: "resent" | "deleted") => body[field] as string[];
const numbers = (count: number, wanted: (at: number) => boolean = () => true) =>
  Array.from({ length: count }, (_, at) => at)
    .filter(wanted)
    .map((at) => `j${at}`);

/** Pages to the end; answers every line, and how many pages it took. */
async function pages(query: string) {
  const lines: Line[] = [];
  for (let count = 1, cursor: string | null = ""; ; count++) {
    const page = await list(`?${query}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    lines.push(...page.jobs);
    cursor = page.cursor;
    if (cursor === null) return { lines, count };
  }
}

test("a failed job is listed with what it was and why it failed, without its payload", async ({
  expect,
}) => {
  const node = await fail(2);
  const { jobs, cursor } = await list();
  expect(cursor).toBeNull();
  expect(jobs.map(({ id }) => id).sort()).toEqual(["j0", "j1"]);
  expect(jobs.find(({ id }) => id === "j1")).toEqual({
    id: "j1",
    name: "echo",
    queue: "default",
    state: "failed",
    node: "1",
    retries: 0,
    deliveries: 1,
    error: { code: "odd", message: "", retryable: false },
    acceptedAt: expect.stringMatching(/Z$/) as string,
    finishedAt: expect.stringMatching(/Z$/) as string,
  });
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({ payload: null });
  await node.close();
});

test("pages of any size lead through the whole set once, latest first", async ({ expect }) => {
  const node = await fail(260);
  const { lines: all, count } = await pages("limit=100");
  expect(count).toBeLessThanOrEqual(4);
  expect(all.map(({ id }) => id).sort()).toEqual(numbers(260).sort());
  const late = new Set(numbers(260, (at) => at >= 250));
  expect(all.slice(0, 10).every(({ id }) => late.has(id))).toBe(true);
  for (const limit of [7, 20]) expect((await pages(`limit=${limit}`)).lines).toEqual(all);
  const rare = all.filter(({ name }) => name === "rare");
  const odd = all.filter(({ error }) => error.code === "odd");
  for (const limit of [1, 20, 100]) {
    expect((await pages(`limit=${limit}&name=rare`)).lines).toEqual(rare);
    expect((await pages(`limit=${limit}&code=odd`)).lines).toEqual(odd);
    expect((await pages(`limit=${limit}&name=rare&code=odd`)).lines).toEqual([]);
    expect((await pages(`limit=${limit}&name=unknown`)).lines).toEqual([]);
  }
  await node.close();
});

test("a filter that matches little costs few requests", async ({ expect }) => {
  const node = await fail(1_500);
  expect(await list("?limit=1&name=unknown")).toEqual({ jobs: [], cursor: "1000" });
  expect(stack.sent.length).toBeLessThanOrEqual(10);
  expect(await list("?limit=1&name=unknown&cursor=1000")).toEqual({ jobs: [], cursor: null });
  await node.close();
});

test("large payloads are no matter to the list", async ({ expect }) => {
  const node = await fail(40, { payload: "x".repeat(250_000) });
  expect((await pages("limit=100")).lines).toHaveLength(40);
  expect(stack.sent.length).toBeLessThanOrEqual(20);
  await node.close();
});

test("each queue has a failed set of its own", async ({ expect }) => {
  const node = await fail(3, { queue: "slow" });
  expect((await list()).jobs).toEqual([]);
  expect((await list("?queue=slow")).jobs).toHaveLength(3);
  expect((await post("delete", {})).body).toEqual({ deleted: [], skipped: [], cursor: null });
  expect((await post("resend", { ids: ["j1"] })).body).toEqual({
    resent: [],
    skipped: [{ id: "j1", reason: "unknown" }],
    cursor: null,
  });
  const { body } = await post("delete", { queue: "slow", ids: ["j1"] });
  expect(body).toEqual({ deleted: ["j1"], skipped: [], cursor: null });
  await node.close();
});

test("jobs are sent again, and deleted, by their ids if they had failed", async ({ expect }) => {
  const node = await fail(5);
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "waiting", delayMs: 60_000 });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "stopped", delayMs: 60_000 });
  await stack.ask("POST", "/v1/jobs/stopped/cancel");
  const ids = ["j1", "unknown", "j3", "j1", "waiting", "stopped"];
  const others = [
    { id: "unknown", reason: "unknown" },
    { id: "waiting", reason: "not_failed" },
    { id: "stopped", reason: "not_failed" },
  ];
  expect(await post("resend", { ids })).toMatchObject({
    status: 202,
    body: { resent: ["j1", "j3"], skipped: others, cursor: null },
  });
  const again = [await node.next(), await node.next()];
  expect(again.map(({ id, attempt }) => [id, attempt])).toEqual([
    ["j1", 1],
    ["j3", 1],
  ]);
  for (const [what, done] of [
    ["resend", "resent"],
    ["delete", "deleted"],
  ] as const) {
    const { body } = await post(what, { ids: ["j1", "stopped"] });
    const skipped = ["j1", "stopped"].map((id) => ({ id, reason: "not_failed" }));
    expect(body).toEqual({ [done]: [], skipped, cursor: null });
  }
  expect((await stack.ask("GET", "/v1/jobs?state=running")).body["jobs"]).toHaveLength(2);
  expect((await stack.ask("GET", "/v1/jobs/stopped")).body).toMatchObject({ state: "cancelled" });
  expect((await post("delete", { ids: ["j0", "j1", "x"] })).body).toMatchObject({
    deleted: ["j0"],
    skipped: [{ id: "j1" }, { id: "x", reason: "unknown" }],
  });
  expect((await list()).jobs.map(({ id }) => id).sort()).toEqual(["j2", "j4"]);
  await node.close();
});

describe("by filter, jobs are", () => {
  test("sent again that match, and no others", async ({ expect }) => {
    const node = await fail(40);
    const rare = await post("resend", { name: "rare", code: "even" });
    expect(idsOf(rare, "resent").sort()).toEqual(numbers(40, (at) => at % 10 === 0).sort());
    for (const none of [{ name: "rare" }, { code: "nothing" }]) {
      const { body } = await post("resend", none);
      expect(body).toEqual({ resent: [], skipped: [], cursor: null });
    }
    const odd = await post("resend", { code: "odd" });
    expect(idsOf(odd, "resent").sort()).toEqual(numbers(40, (at) => at % 2 === 1).sort());
    expect((await list("?limit=100")).jobs).toHaveLength(16);
    await node.close();
  });

  test("deleted that match, and no others", async ({ expect }) => {
    const node = await fail(40);
    expect(idsOf(await post("delete", { code: "odd" }), "deleted")).toHaveLength(20);
    expect((await stack.ask("GET", "/v1/jobs/j1")).status).toBe(404);
    expect((await stack.ask("GET", "/v1/jobs/j2")).status).toBe(200);
    expect(idsOf(await post("delete", {}), "deleted")).toHaveLength(20);
    expect((await stack.ask("GET", "/v1/jobs")).body["jobs"]).toEqual([]);
    await node.close();
  });

  test.for(["resend", "delete"] as const)(
    "all reached, however many there are: %s",
    async (what, { expect }) => {
      const node = await fail(2_300);
      const reached: string[] = [];
      let cursor: string | null = null;
      let requests = 0;
      do {
        const { body }: Answer = await post(what, {
          name: "rare",
          ...(cursor === null ? {} : { cursor }),
        });
        reached.push(...(body[what === "resend" ? "resent" : "deleted"] as string[]));
        cursor = body["cursor"] as string | null;
        requests += 1;
      } while (cursor !== null);
      expect(reached.sort()).toEqual(numbers(2_300, (at) => at % 10 === 0).sort());
      expect(requests).toBeLessThanOrEqual(4);
      expect((await pages("limit=100&name=rare")).lines).toEqual([]);
      await node.close();
    },
  );
});

test("a thousand ids of the greatest length can be named in one request", async ({ expect }) => {
  const ids = Array.from({ length: 1_000 }, (_, at) => String(at).padStart(128, "x"));
  for (const what of ["resend", "delete"] as const) {
    expect(await post(what, { ids })).toMatchObject({ status: 202, body: { cursor: null } });
  }
});
