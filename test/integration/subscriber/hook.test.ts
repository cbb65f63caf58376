/** The `onResult` hook from both sides: a real subscriber delivers to the real function, without a tick. */
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import type { OnResult } from "../../../functions/deps.ts";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";
import type { SubscriberEvents } from "../../../subscriber/events.ts";
import { createOutbox } from "../../../subscriber/outcome/outbox.ts";
import { signingSecret, type Stack, startStack } from "../../support/http-app.ts";
import { jobs } from "../../support/ledger.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

/** A subscriber that delivers to the function, whose hook is `onResult`. */
async function delivering(onResult: OnResult, slots: number) {
  const app = createApp({ ...stack.deps, onResult });
  const keys = await importSigningKeys(signingSecret);
  const post: typeof fetch = (input, init) =>
    Promise.resolve(app.fetch(new Request(input as string, init)));
  const outbox = (events: SubscriberEvents) =>
    createOutbox({ url: "http://function/v1/results", keys, events, fetch: post });
  return runSubscriber({
    url: stack.server.url,
    env: { SIGNALBOX_NODES: `1:${slots}` },
    outbox,
  });
}

async function recorded(ids: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(ids.map((id) => stack.ledger.read("default", id)));
  return ids.filter((_, at) => found[at]?.ended?.recorded === true);
}

const outboxLength = () => stack.redis.xlen("signalbox:{default}:outbox");

/** A hook's database that takes 20 ms: Redis waits so long for a replica that does not exist, on each connection. */
function slowDatabase(connections: number) {
  const idle = Array.from({ length: connections }, () => stack.redis.duplicate());
  return {
    async write(): Promise<void> {
      const connection = idle.pop();
      if (connection === undefined) throw new Error("expected fewer calls at a time");
      await connection.wait(1, 20);
      idle.push(connection);
    },
    [Symbol.dispose]: () => {
      for (const connection of idle) connection.disconnect();
    },
  };
}

test.for([
  ["as they end one by one", 1, ["p7"]],
  ["that end together", 24, ["p7"]],
  ["of which several are refused", 24, ["p1", "p2", "p24"]],
  ["of which the first is refused", 4, ["p1"]],
] as const)(
  "a refused result holds up no other of 24 %s",
  async ([, slots, poison], { expect }) => {
    const specs = jobs(24, "p");
    const calls = new Map<string, number>();
    let isRefusing = true;
    const onResult: OnResult = ({ id }) => {
      calls.set(id, (calls.get(id) ?? 0) + 1);
      const isPoison = isRefusing && (poison as readonly string[]).includes(id);
      return isPoison ? Promise.reject(new Error("constraint failed")) : Promise.resolve();
    };
    await using running = await delivering(onResult, slots);
    await stack.ledger.dispatch(specs);
    const ids = specs.map(({ id }) => id);
    const others = ids.filter((id) => !(poison as readonly string[]).includes(id));
    await until(async () => (await recorded(ids)).length === others.length, {
      or: "all others recorded",
    });
    expect(await recorded(ids)).toEqual(others);
    for (const id of others) expect([id, calls.get(id)]).toEqual([id, 1]);
    const [refused] = await running.event("results:refused");
    expect(refused?.reason).toMatch(
      /^onResult of the function refused \d+ results?; the function's log/,
    );
    expect(poison).toContain(refused?.jobs?.[0]);
    expect(stack.logged[0]).toMatchObject({ reason: "onResult threw: constraint failed" });
    expect(JSON.stringify(stack.logged)).not.toMatch(/bug|internal/);

    isRefusing = false;
    await until(async () => (await outboxLength()) === 0, { or: "the refused ones recorded too" });
    expect(await recorded(ids)).toEqual(ids);
    for (const id of others) expect([id, calls.get(id)]).toEqual([id, 1]);
  },
);

test("2,000 results that a hook takes 20 ms for are each shown to it once", async ({ expect }) => {
  using database = slowDatabase(10);
  const calls = new Map<string, number>();
  const onResult: OnResult = async ({ id }) => {
    calls.set(id, (calls.get(id) ?? 0) + 1);
    await database.write();
  };
  await using running = await delivering(onResult, 1_000);
  for (const prefix of ["a", "b"]) await stack.ledger.dispatch(jobs(1_000, prefix));
  await running.event("attempt:ended", { count: 2_000, within: 30_000 });
  await until(async () => (await outboxLength()) === 0, { within: 30_000, or: "an empty outbox" });
  const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
  expect(calls.size).toBe(2_000);
  expect(total).toBeLessThanOrEqual(2_020);
  expect(running.seen("results:refused")).toEqual([]);
});

test("a function that is lost while it has too much is sent less", async ({ expect }) => {
  const app = createApp(stack.deps);
  const keys = await importSigningKeys(signingSecret);
  const sizes: number[] = [];
  const post: typeof fetch = (input, init) => {
    const body = typeof init?.body === "string" ? init.body : "";
    const count = body.split('"v":1').length - 1;
    sizes.push(count);
    if (count > 40) return Promise.resolve(new Response("exceeded CPU", { status: 503 }));
    return Promise.resolve(app.fetch(new Request(input as string, init)));
  };
  await using running = await runSubscriber({
    url: stack.server.url,
    env: { SIGNALBOX_NODES: "1:4" },
    outbox: (events) =>
      createOutbox({ url: "http://function/v1/results", keys, events, fetch: post }),
  });
  await stack.ledger.dispatch(jobs(300, "x"));
  await running.event("attempt:ended", { count: 300 });
  await until(async () => (await outboxLength()) === 0, { within: 30_000, or: "an empty outbox" });
  expect(sizes.at(-1)).toBeLessThanOrEqual(40);
});
