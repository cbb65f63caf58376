import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import type { AppDeps } from "../../../functions/deps.ts";
import type { Envelope } from "../../../protocol/wire/messages.ts";
import type { Report } from "../../../protocol/wire/report.ts";
import { type EventStream, readEvents, type ServerEvent } from "../../support/event-stream.ts";
import { clientToken, joinNode, type Stack, startStack } from "../../support/http-app.ts";
import { runSubscriber } from "../../support/subscriber.ts";
import { until } from "../../support/until.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

interface Asking {
  readonly last?: string;
  readonly deps?: Partial<AppDeps>;
  readonly method?: string;
}

async function ask(path: string, { last, deps = {}, method = "GET" }: Asking = {}) {
  const app = createApp({ ...stack.deps, ...deps });
  return app.request(path, {
    method,
    headers: {
      authorization: `Bearer ${clientToken}`,
      ...(last === undefined ? {} : { "last-event-id": last }),
    },
  });
}

async function watch(id: string, more: Asking = {}): Promise<EventStream> {
  return readEvents(await ask(`/v1/jobs/${id}/events`, more));
}

/** Reports for an attempt as its subscriber does. */
function report({ queue, id, node, attempt, token }: Envelope, more: Partial<Report>) {
  return stack.nodes.report(queue, id, { node, attempt, token, ...more }, 60_000);
}

/** Resolves once nobody listens to any channel but those of `nodes`. */
async function deserted(nodes = 0): Promise<void> {
  await until(async () => ((await stack.redis.pubsub("CHANNELS")) as string[]).length === nodes, {
    or: "nobody to listen",
  });
}

/** Resolves once somebody listens to what job `id` reports. */
async function watched(id: string): Promise<void> {
  const channel = `CHANNEL_REPORT_default:${id}`;
  await until(async () => Number((await stack.redis.pubsub("NUMSUB", channel))[1]) > 0, {
    or: `somebody to watch ${id}`,
  });
}

const brief = (events: readonly (ServerEvent | null)[]) =>
  events.map((each) => [
    each?.event,
    each?.data["message"] ?? each?.data["progress"] ?? each?.data["state"] ?? each?.data["dropped"],
  ]);
const line = (message: string) => ({ level: "info" as const, message });

test("tells the state, progress and log lines as they come, the result, and ends", async ({
  expect,
}) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const envelope = await node.next();
  const events = await watch("j1");
  expect(await events.next()).toMatchObject({ event: "state", data: { state: "running" } });
  await report(envelope, { progress: 0.5, moved: true, lines: [line("half")] });
  expect(brief(await events.take(2))).toEqual([
    ["progress", 0.5],
    ["log", "half"],
  ]);
  await report(envelope, { progress: 1, moved: true });
  expect(brief([await events.next()])).toEqual([["progress", 1]]);
  await node.finish(envelope, { state: "succeeded", result: { a: 1 } });
  const end = await events.rest();
  expect(brief(end)).toEqual([
    ["state", "succeeded"],
    ["result", "succeeded"],
  ]);
  const { body } = await stack.ask("GET", "/v1/jobs/j1");
  expect(end.at(-1)?.data).toEqual(body);
  await node.close();
  await deserted();
});

test("a job that has ended is told immediately, without listening", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const envelope = await node.next();
  await report(envelope, { lines: [line("only")] });
  await node.finish(envelope, {
    state: "failed",
    error: { code: "x", message: "", retryable: false },
  });
  const unsubscribed = { subscribe: () => Promise.reject(new Error("expected no subscription")) };
  const all = await (await watch("j1", { deps: unsubscribed })).rest();
  expect(brief(all)).toEqual([
    ["log", "only"],
    ["state", "failed"],
    ["result", "failed"],
  ]);
  const again = await ask("/v1/jobs/j1/events", { last: all.at(-1)?.id ?? "" });
  expect([again.status, await again.text()]).toEqual([204, ""]);
  await node.close();
});

test("goes on after the last event that was heard, whichever it was", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const envelope = await node.next();
  await report(envelope, { lines: [line("a"), line("b")], dropped: 7, progress: 0.1, moved: true });
  await report(envelope, { lines: [line("c")], progress: 0.1 });
  const whole: ServerEvent[] = [];
  let last: string | undefined;
  // One event a connection: each is cut off where the one before was.
  for (let at = 0; at < 6; at++) {
    const events = await watch("j1", last === undefined ? {} : { last });
    const event = await events.next();
    await events.cancel();
    if (event !== null) whole.push(event);
    last = event?.id;
  }
  const expected = [
    ["state", "running"],
    ["progress", 0.1],
    ["log", "a"],
    ["log", "b"],
    ["log", 7],
    ["log", "c"],
  ];
  expect(brief(whole)).toEqual(expected);
  await deserted(1);
  // What happens while nobody is connected is told with the next connection.
  await report(envelope, { progress: 0.9, moved: true });
  await node.finish(envelope);
  const rest = await (await watch("j1", last === undefined ? {} : { last })).rest();
  expect(brief(rest)).toEqual([
    ["progress", 0.9],
    ["state", "succeeded"],
    ["result", "succeeded"],
  ]);
  await node.close();
});

test("asks Redis nothing while nothing is said of the job, heartbeats included", async ({
  expect,
}) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const beats: AbortController[] = [];
  const longest = new AbortController();
  const deadline = (ms: number) => {
    if (ms > 100_000) return longest.signal;
    const beat = new AbortController();
    beats.push(beat);
    return beat.signal;
  };
  const events = await watch("j1", { deps: { deadline } });
  expect(await events.next()).toMatchObject({ event: "state", data: { state: "queued" } });
  const end = events.rest();
  await until(() => beats.length === 1, { or: "the first heartbeat to be awaited" });
  await stack.redis.call("CONFIG", "RESETSTAT");
  stack.sent.length = 0;
  for (let at = 0; at < 20; at++) {
    await stack.redis.publish("CHANNEL_RESULT", `{"id":"x${at}"}`);
    await stack.redis.publish("CHANNEL_REPORT_default:x", `{"id":"x"}`);
    beats.at(-1)?.abort();
    await until(() => events.comments() === at + 1, { or: "the heartbeat" });
  }
  expect(stack.sent).toEqual([]);
  const calls = (await stack.redis.info("commandstats")).match(
    /cmdstat_(?!config|info)\S+?:calls=\d+/g,
  );
  expect(calls).toEqual(["cmdstat_publish:calls=40"]);
  longest.abort();
  expect(await end).toEqual([]);
  await deserted();
});

test("a report costs one command of each who watches", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const envelope = await node.next();
  const events = await watch("j1");
  await events.next();
  stack.sent.length = 0;
  await report(envelope, { progress: { id: "j1" }, moved: true });
  expect(brief([await events.next()])).toEqual([["progress", { id: "j1" }]]);
  expect(stack.sent).toEqual([
    [{ command: ["XRANGE", "signalbox:{default}:reports:j1", "(0-0", "+"] }],
  ]);
  await events.cancel();
  await deserted(1);
  await node.close();
});

test("ends when its time is up or Redis goes, and is resumed", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const events = await watch("j1");
  const state = await events.next();
  await watched("j1");
  await stack.redis.call("CLIENT", "KILL", "TYPE", "pubsub");
  expect(await events.rest()).toEqual([]);
  const resumed = await watch("j1", { last: state?.id ?? "" });
  await watched("j1");
  await stack.ask("POST", "/v1/jobs/j1/cancel");
  expect(brief(await resumed.rest())).toEqual([
    ["state", "cancelled"],
    ["result", "cancelled"],
  ]);
});

test("a job that is deleted while it is watched ends the stream", async ({ expect }) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const events = await watch("j1");
  await events.next();
  await stack.redis.del("signalbox:{default}:jobs");
  await stack.redis.publish("CHANNEL_RESULT", '{"id":"j1"}');
  expect(await events.rest()).toEqual([]);
  await deserted();
});

test("what fails once the stream has begun ends it and is logged", async ({ expect }) => {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const envelope = await node.next();
  const reports = () => Promise.reject(new Error("no Redis"));
  const ledger = { ...stack.ledger, reports };
  const events = await watch("j1", { deps: { ledger } });
  expect(await events.rest()).toEqual([]);
  expect(stack.logged).toMatchObject([{ event: "watch.failed", id: "j1" }]);
  await node.finish(envelope);
  await node.close();
  await deserted();
});

test("finds a job in any queue, and is told what is wrong before the stream begins", async ({
  expect,
}) => {
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1", queue: "slow" });
  for (const path of ["/v1/jobs/j1/events", "/v1/jobs/j1/events?queue=slow"]) {
    const events = readEvents(await ask(path));
    expect(await events.next()).toMatchObject({ data: { queue: "slow", state: "queued" } });
    await events.cancel();
  }
  const head = await ask("/v1/jobs/j1/events", { method: "HEAD" });
  expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const refused: readonly (readonly [string, Asking, number])[] = [
    ["/v1/jobs/none/events", {}, 404],
    ["/v1/jobs/j1/events?queue=default", {}, 404],
    ["/v1/jobs/j1/events?wait=3", {}, 400],
    ["/v1/jobs/j1/events", { last: "17" }, 400],
    ["/v1/jobs/j1/events", { method: "POST" }, 405],
  ];
  for (const [path, asking, status] of refused) {
    expect((await ask(path, asking)).status, path).toBe(status);
  }
  const half = async (signal: AbortSignal, channel?: string) => {
    if (channel === undefined) return stack.deps.subscribe(signal);
    throw new Error("one too many");
  };
  expect((await ask("/v1/jobs/j1/events", { deps: { subscribe: half } })).status).toBe(500);
  await deserted();
});

test("a real handler is heard from beginning to end", async ({ expect }) => {
  const gate = Promise.withResolvers<undefined>();
  await using running = await runSubscriber({
    url: stack.server.url,
    handlers: {
      echo: async (_, { progress, log }) => {
        log.info({ step: 1 }, "begun");
        await gate.promise;
        for (let at = 1; at <= 10_000; at++) progress(at / 10_000);
        return "done";
      },
    },
  });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id: "j1" });
  const events = await watch("j1");
  expect(brief(await events.take(2))).toEqual([
    ["state", "running"],
    ["log", "begun"],
  ]);
  gate.resolve(undefined);
  const rest = await events.rest();
  expect(brief(rest)).toEqual([
    ["progress", 1],
    ["state", "succeeded"],
    ["result", "succeeded"],
  ]);
  expect(rest.at(-1)?.data).toMatchObject({ result: "done" });
  await running.event("attempt:ended");
});
