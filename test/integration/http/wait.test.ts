import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import {
  ask,
  clientToken,
  joinNode,
  read,
  type Stack,
  startStack,
} from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

/** The app, and a promise that it listens to the result channel now. */
// eslint-disable-next-line no-restricted-syntax -- the limit that the function itself sets
function listening(deadline = (ms: number) => AbortSignal.timeout(ms)) {
  const heard = Promise.withResolvers<undefined>();
  const app = createApp({
    ...stack.deps,
    deadline,
    async subscribe(signal) {
      const subscription = await stack.deps.subscribe(signal);
      return {
        ...subscription,
        mentions(id) {
          heard.resolve(undefined);
          return subscription.mentions(id);
        },
      };
    },
  });
  return { app, heard: heard.promise };
}

/** Resolves once nobody listens to the result channel. */
async function deserted(): Promise<void> {
  for (;;) {
    const [, count] = await stack.redis.pubsub("NUMSUB", "CHANNEL_RESULT");
    if (Number(count) === 0) return;
  }
}

test("a wait ends with the job, by an event", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1", slots: 2 });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1.other" });
  const { app, heard } = listening();
  stack.sent.length = 0;

  const answer = ask(app, { method: "GET", path: "/v1/jobs/j1?wait=25" });
  await heard;
  const [one, other] = [await node.next(), await node.next()];
  await node.finish(other, { state: "succeeded", result: "other" });
  await node.finish(one, { state: "succeeded", result: "mine" });
  expect((await answer).body).toMatchObject({ id: "j1", state: "succeeded", result: "mine" });
  // One read and the list of queues before the wait, one read after it, whatever else was published.
  expect(stack.sent).toHaveLength(3);
  await deserted();
  await node.close();
});

test("a job that has ended is answered immediately", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  await node.finish(await node.next());
  const answer = await stack.ask("GET", "/v1/jobs/j1?wait=25");
  expect(answer.body).toMatchObject({ state: "succeeded" });
  await deserted();
  await node.close();
});

test("a job in another queue is waited for, and found again in one round trip", async ({
  expect,
}) => {
  const node = await joinNode(stack, { name: "1", queue: "slow" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1", queue: "slow" });
  const { app, heard } = listening();
  stack.sent.length = 0;
  const answer = ask(app, { method: "GET", path: "/v1/jobs/j1?wait=25" });
  await heard;
  await node.finish(await node.next());
  expect((await answer).body).toMatchObject({ queue: "slow", state: "succeeded" });
  expect(stack.sent).toHaveLength(4);
  await node.close();
});

test("a bare id and a payload that quotes the id only make it read again", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "7" });
  const { app, heard } = listening();
  const answer = ask(app, { method: "GET", path: "/v1/jobs/7?wait=25" });
  await heard;
  await stack.redis.publish("CHANNEL_RESULT", "7");
  await stack.redis.publish("CHANNEL_RESULT", '{"id":"77","result":{"id":"7"}}');
  await stack.redis.publish("CHANNEL_RESULT", `{"id":"8","result":"${"x".repeat(3_000_000)}"}`);
  await node.finish(await node.next());
  expect((await answer).body).toMatchObject({ id: "7", state: "succeeded" });
  await node.close();
});

test("when the time is up, the state as it is then is answered", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const times: number[] = [];
  const end = new AbortController();
  const { app, heard } = listening((ms) => {
    times.push(ms);
    return end.signal;
  });
  const answer = ask(app, { method: "GET", path: "/v1/jobs/j1?wait=2.5" });
  await heard;
  const node = await joinNode(stack, { name: "1" });
  await node.next();
  end.abort();
  expect(await answer).toMatchObject({ status: 200, body: { state: "running", node: "1" } });
  expect(times).toEqual([2_500]);
  await deserted();
  await node.close();
});

test("a wait whose time is up before it has begun is answered like a read", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const { app } = listening(() => AbortSignal.abort());
  const answer = await ask(app, { method: "GET", path: "/v1/jobs/j1?wait=1" });
  expect(answer).toMatchObject({ status: 200, body: { state: "queued" } });
});

test("a stream that ends early ends the wait", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const { app, heard } = listening();
  const answer = ask(app, { method: "GET", path: "/v1/jobs/j1?wait=25" });
  await heard;
  await stack.redis.call("CLIENT", "KILL", "TYPE", "pubsub");
  expect(await answer).toMatchObject({ status: 200, body: { state: "queued" } });
});

test("a caller that goes away takes the subscription along", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const { app, heard } = listening();
  const caller = new AbortController();
  const request = new Request("http://localhost/v1/jobs/j1?wait=25", {
    headers: { authorization: `Bearer ${clientToken}` },
    signal: caller.signal,
  });
  const answer = app.fetch(request);
  await heard;
  const gone = once(caller.signal, "abort");
  caller.abort();
  await gone;
  expect((await read(await answer)).body).toMatchObject({ state: "queued" });
  await deserted();
});

test("while it waits Redis is asked nothing", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const end = new AbortController();
  const { app, heard } = listening(() => end.signal);
  const answer = ask(app, { method: "GET", path: "/v1/jobs/j1?wait=25" });
  await heard;
  const commands = async () =>
    /total_commands_processed:(\d+)/.exec(await stack.redis.info("stats"))?.[1];
  const before = Number(await commands());
  for (let at = 0; at < 50; at++) await stack.redis.publish("CHANNEL_RESULT", `{"id":"x${at}"}`);
  // The fifty messages and the first count.
  expect(Number(await commands()) - before).toBe(51);
  end.abort();
  await answer;
});
