import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { joinNode, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

interface Line {
  readonly id: string;
  readonly queue: string;
}

/** All pages, and how many there were. */
async function walk(
  query: string,
  from: string | null = null,
): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  for (let pages = 1, cursor = from; ; pages++) {
    const after = cursor === null ? "" : `&cursor=${cursor}`;
    const { body } = await stack.ask("GET", `/v1/jobs?${query}${after}`);
    ids.push(...(body["jobs"] as Line[]).map(({ queue, id }) => `${queue}/${id}`));
    cursor = body["cursor"] as string | null;
    if (cursor === null) return { ids, pages };
  }
}

/** Dispatches singly and in batches over three queues; answers them newest first. */
async function fill(): Promise<string[]> {
  const queues = ["default", "a", "b"];
  const oldestFirst: string[] = [];
  for (let round = 0; round < 12; round++) {
    const size = round % 3 === 0 ? 1 : round * 2;
    const queue = queues[round % 2 === 0 ? 0 : ((round % 3) as 0 | 1 | 2)] ?? "default";
    const jobs = Array.from({ length: size }, (_, at) => ({
      name: round % 4 === 0 ? "rare" : "echo",
      id: `r${round}-${at}`,
      queue,
    }));
    await stack.ask("POST", "/v1/jobs/batch", { jobs });
    oldestFirst.push(...jobs.map(({ id }) => `${queue}/${id}`));
  }
  return oldestFirst.reverse();
}

test("all queues are listed newest first, whatever the size of a page", async ({ expect }) => {
  const expected = await fill();
  for (const limit of [1, 3, 7, 20, 100]) {
    const { ids, pages } = await walk(`limit=${limit}`);
    expect(new Set(ids)).toEqual(new Set(expected));
    expect(ids).toHaveLength(expected.length);
    expect(ids).toEqual(await inOrder(ids));
    expect(pages).toBeGreaterThanOrEqual(Math.ceil(expected.length / limit));
  }
});

/** By time of acceptance, as each job says it itself. Jobs of one batch keep the order given. */
async function inOrder(ids: readonly string[]): Promise<string[]> {
  const accepted = new Map<string, string>();
  for (const each of ids) {
    const [queue = "", id = ""] = each.split("/");
    const found = await stack.ledger.read(queue, id);
    accepted.set(each, (found?.accepted ?? "").replace("-", ".").padEnd(20, "0"));
  }
  const time = (each: string) => Number(accepted.get(each)?.split(".")[0]);
  return [...ids].sort((x, y) => time(y) - time(x));
}

test("jobs of one batch are listed from its last to its first", async ({ expect }) => {
  const jobs = Array.from({ length: 120 }, (_, at) => ({ name: "echo", id: `j${at}` }));
  await stack.ask("POST", "/v1/jobs/batch", { jobs });
  const { ids } = await walk("limit=50");
  expect(ids).toEqual(jobs.map(({ id }) => `default/${id}`).reverse());
});

test("a job that comes while pages are read disturbs none of them", async ({ expect }) => {
  const expected = await fill();
  const first = await stack.ask("GET", "/v1/jobs?limit=10");
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "new" });
  const { ids } = await walk("limit=10", first.body["cursor"] as string);
  const shown = (first.body["jobs"] as Line[]).map(({ queue, id }) => `${queue}/${id}`);
  expect(new Set([...shown, ...ids])).toEqual(new Set(expected));
  expect(shown.length + ids.length).toBe(expected.length);
});

test("state, name and queue narrow the list", async ({ expect }) => {
  const expected = await fill();
  const { ids: rare } = await walk("name=rare&limit=2");
  expect(rare.every((id) => /\/r(0|4|8)-/.test(id))).toBe(true);
  expect(rare).toHaveLength(expected.filter((id) => /\/r(0|4|8)-/.test(id)).length);
  const { ids: ofA } = await walk("queue=a&limit=4");
  expect(ofA).toEqual(expected.filter((id) => id.startsWith("a/")));
  expect((await walk("state=failed")).ids).toEqual([]);
  expect((await walk("queue=nowhere")).ids).toEqual([]);

  const node = await joinNode(stack, { name: "1", slots: 2 });
  const first = await node.next();
  await node.next();
  await node.finish(first);
  expect((await walk("state=succeeded")).ids).toEqual([`default/${first.id}`]);
  expect((await walk("state=running")).ids).toHaveLength(2 - 1 + 1);
  await node.close();
});

test("a queue that is read only in part holds back what is older in the others", async ({
  expect,
}) => {
  // 1,200 jobs that do not match, so that the queue's page ends with nothing to show.
  await stack.ask("POST", "/v1/jobs", { name: "wanted", id: "oldest", queue: "a" });
  await stack.ask("POST", "/v1/jobs", { name: "wanted", id: "older" });
  for (let batch = 0; batch < 2; batch++) {
    const jobs = Array.from({ length: 600 }, () => ({ name: "echo" }));
    await stack.ask("POST", "/v1/jobs/batch", { jobs });
  }
  await stack.ask("POST", "/v1/jobs", { name: "wanted", id: "newest", queue: "a" });
  const { ids, pages } = await walk("name=wanted");
  expect(ids).toEqual(["a/newest", "default/older", "a/oldest"]);
  expect(pages).toBe(2);
});

test("a page costs two round trips, one where the queue is named", async ({ expect }) => {
  await fill();
  stack.sent.length = 0;
  await stack.ask("GET", "/v1/jobs");
  expect(stack.sent).toHaveLength(2);
  stack.sent.length = 0;
  const { body } = await stack.ask("GET", "/v1/jobs?queue=a&limit=1");
  expect(stack.sent).toHaveLength(1);
  expect(body["jobs"]).toMatchObject([{ queue: "a", state: "queued", deliveries: 0 }]);
});

test("nodes are shown over all their queues, with what listens now", async ({ expect }) => {
  const ten = await joinNode(stack, { name: "10", slots: 2 });
  const tenToo = await joinNode(stack, { name: "10", queue: "slow", slots: 1 });
  const two = await joinNode(stack, { name: "2", slots: 1 });
  await stack.ask("POST", "/v1/jobs", { name: "echo", node: "10" });
  await two.close();

  const { status, body } = await stack.ask("GET", "/v1/nodes");
  expect(status).toBe(200);
  const info = { host: "test", labels: ["a"] };
  expect(body["nodes"]).toMatchObject([
    { name: "2", slots: 1, busy: 0, connected: false, info },
    {
      name: "10",
      slots: 3,
      busy: 1,
      connected: true,
      info,
      queues: [
        { queue: "default", slots: 2, busy: 1 },
        { queue: "slow", slots: 1, busy: 0 },
      ],
    },
  ]);
  await ten.close();
  await tenToo.close();
});
