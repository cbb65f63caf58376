import { afterAll, beforeAll, test } from "vitest";
import { readEvents } from "../../support/event-stream.ts";
import { type GateServer, startGate } from "../../support/gate-server.ts";
import { clientToken, type Stack, startStack } from "../../support/http-app.ts";
import { spawnSubscriber } from "../../support/subscriber-process.ts";

let stack: Stack;
let gate: GateServer;
beforeAll(async () => {
  stack = await startStack({ unacknowledgedMs: 1_000, leaseMs: 2_000 });
  gate = await startGate();
});
afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await stack.close();
});

test("a client that watches a job whose subscriber is killed is told of the next attempt, across connections", async ({
  expect,
}) => {
  const env = { REDIS_URL: stack.server.url };
  const headers = { authorization: `Bearer ${clientToken}` };
  const connect = async (last = "") => {
    const more = last === "" ? {} : { "last-event-id": last };
    const path = "/v1/jobs/k/events";
    return readEvents(await stack.app.request(path, { headers: { ...headers, ...more } }));
  };
  await using doomed = await spawnSubscriber({ ...env, SIGNALBOX_NODES: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "reporting", id: "k", payload: { url: gate.url } });
  const first = await connect();
  expect(await first.take(3)).toMatchObject([
    { event: "state", data: { state: "running", node: "1", retries: 0 } },
    { event: "progress", data: { progress: 0.5, attempt: 1, node: "1" } },
    { event: "log", data: { message: "begun", attempt: 1 } },
  ]);
  await gate.arrival("k");
  await using heir = await spawnSubscriber({ ...env, SIGNALBOX_NODES: "2" });
  doomed.kill("SIGKILL");
  expect((await gate.arrival("k", 2)).pid).toBe(heir.pid);
  const state = await first.next();
  expect(state).toMatchObject({
    event: "state",
    data: { state: "running", node: "2", retries: 1, deliveries: 2 },
  });
  await first.cancel();

  const second = await connect(state?.id);
  expect(await second.take(2)).toMatchObject([
    { event: "progress", data: { progress: 0.5, attempt: 2, node: "2" } },
    { event: "log", data: { message: "begun", attempt: 2 } },
  ]);
  (await gate.arrival("k", 2)).release("go");
  expect(await second.rest()).toMatchObject([
    { event: "progress", data: { progress: 1, attempt: 2 } },
    { event: "log", data: { message: "done", attempt: 2 } },
    { event: "state", data: { state: "succeeded" } },
    { event: "result", data: { state: "succeeded", result: { said: "go" }, retries: 1 } },
  ]);
});
