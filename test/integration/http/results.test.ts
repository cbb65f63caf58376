import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { createApp } from "../../../functions/app.ts";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";
import type { ResultMessage } from "../../../protocol/wire/messages.ts";
import {
  type Answer,
  joinNode,
  read,
  signingSecret,
  type Stack,
  startStack,
} from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

interface Sent {
  readonly secret?: string;
  readonly at?: Date;
  readonly headers?: Readonly<Record<string, string>>;
  readonly app?: Stack["app"];
}

/** Signs as the public library does and posts. */
async function deliver(body: string, sent: Sent = {}): Promise<Answer> {
  const at = sent.at ?? new Date();
  const signature = new Webhook(sent.secret ?? signingSecret).sign("msg_1", at, body);
  const response = await (sent.app ?? stack.app).request("/v1/results", {
    method: "POST",
    headers: {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": signature,
      ...sent.headers,
    },
    body,
  });
  return read(response);
}

/** A job that has ended on node 1, and what its subscriber delivers. */
async function endedJob(id: string): Promise<{ readonly queue: string; readonly entry: string }> {
  const node = await joinNode(stack, { name: "1" });
  await stack.ask("POST", "/v1/jobs", { name: "echo", id });
  const entry = await node.finish(await node.next());
  await node.close();
  return { queue: "default", entry };
}

const result: ResultMessage = {
  v: 1,
  id: "j1",
  name: "echo",
  queue: "default",
  node: "1",
  token: "1-0.1",
  attempt: 1,
  state: "succeeded",
  result: "é\u{1F682}",
};
const bodyOf = (...deliveries: object[]) =>
  JSON.stringify({ deliveries: deliveries.map((each) => ({ results: [result], ...each })) });

test("a delivered result is recorded, once", async ({ expect }) => {
  const delivery = await endedJob("j1");
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({ recorded: false });
  stack.sent.length = 0;
  const first = await deliver(bodyOf(delivery));
  expect(first).toMatchObject({ status: 200, body: { recorded: 1 } });
  expect(stack.sent).toHaveLength(1);
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({ recorded: true });
  expect(await deliver(bodyOf(delivery))).toMatchObject({ status: 200, body: { recorded: 0 } });
});

test("deliveries of several queues take one round trip", async ({ expect }) => {
  const delivery = await endedJob("j1");
  stack.sent.length = 0;
  const others = Array.from({ length: 999 }, (_, at) => ({
    queue: `q${at % 5}`,
    entry: `${at}-0`,
  }));
  expect(await deliver(bodyOf(delivery, ...others))).toMatchObject({ body: { recorded: 1 } });
  expect(stack.sent).toHaveLength(1);
});

test("every result is shown to the hook; a delivery that it refuses comes again", async ({
  expect,
}) => {
  const [good, bad] = [await endedJob("j1"), await endedJob("j2")];
  const seen: string[] = [];
  let refuse = true;
  const app = createApp({
    ...stack.deps,
    onResult({ id }) {
      seen.push(id);
      return id === "j2" && refuse ? Promise.reject(new Error("disk full")) : Promise.resolve();
    },
  });
  const body = bodyOf(good, { ...bad, results: [{ ...result, id: "j2" }] });
  const first = await deliver(body, { app });
  expect(first).toMatchObject({
    status: 200,
    body: { recorded: 1, refused: [{ ...bad, results: [0] }] },
  });
  expect(JSON.stringify(first.body)).not.toContain("disk full");
  expect(stack.logged).toMatchObject([
    {
      level: "error",
      event: "result.refused",
      reason: "onResult threw: disk full",
      count: 1,
      jobs: ["j2"],
    },
  ]);
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({ recorded: true });
  expect((await stack.ask("GET", "/v1/jobs/j2")).body).toMatchObject({ recorded: false });

  refuse = false;
  expect(await deliver(body, { app })).toMatchObject({ status: 200, body: { recorded: 1 } });
  expect(seen).toEqual(["j1", "j2", "j1", "j2"]);
});

test("headers that cannot be right are refused before the body is received", async ({ expect }) => {
  const now = String(Math.floor(Date.now() / 1000));
  const signature = `v1,${btoa("0".repeat(32))}`;
  const right = { "webhook-id": "m", "webhook-timestamp": now, "webhook-signature": signature };
  const wrong: readonly Readonly<Record<string, string>>[] = [
    {},
    { ...right, "webhook-id": "" },
    { ...right, "webhook-id": "m".repeat(257) },
    { ...right, "webhook-timestamp": "soon" },
    { ...right, "webhook-timestamp": String(Number(now) - 400) },
    { ...right, "webhook-timestamp": String(Number(now) + 400) },
    { ...right, "webhook-signature": "" },
    { ...right, "webhook-signature": "v1," },
    { ...right, "webhook-signature": `v2,${btoa("0".repeat(32))}` },
    { ...right, "webhook-signature": `v1,${btoa("0".repeat(31))}` },
    { ...right, "signalbox-key-id": "unknown" },
    { ...right, "signalbox-key-id": "no key" },
    { ...right, "content-length": "10485761" },
  ];
  for (const headers of wrong) {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulled += 1;
          controller.enqueue(new Uint8Array(65_536));
          if (pulled > 10) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const init = { method: "POST", headers, body, duplex: "half" };
    const response = await stack.app.request(new Request("http://x/v1/results", init));
    expect([response.status, pulled]).toEqual(["content-length" in headers ? 413 : 401, 0]);
  }
});

test("what is not signed, or not by us, or not now, changes nothing", async ({ expect }) => {
  const body = bodyOf(await endedJob("j1"));
  const minutes = (count: number) => new Date(Date.now() + count * 60_000);
  const wrong: readonly Sent[] = [
    { secret: `whsec_${btoa("another secret of 24 bytes or more")}` },
    { at: minutes(-6) },
    { at: minutes(6) },
    { headers: { "webhook-signature": "" } },
    { headers: { "webhook-signature": "v1,AAAA" } },
    { headers: { "webhook-signature": "v1,*** v2,x" } },
    { headers: { "webhook-id": "msg_2" } },
    { headers: { "webhook-timestamp": "soon" } },
    { headers: { "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 1) } },
  ];
  for (const each of wrong) {
    expect(await deliver(body, each)).toMatchObject({
      status: 401,
      body: { code: "signature_invalid", detail: expect.stringMatching(/expected/) as string },
    });
  }
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({ recorded: false });
  expect(await deliver(body, { at: minutes(-4) })).toMatchObject({ status: 200 });
});

test("a request that is replayed within the window records nothing, and tells the hook the same tokens", async ({
  expect,
}) => {
  const job = { name: "echo", id: "j1", attempts: 1 };
  const node = await joinNode(stack, { name: "1", slots: 2 });
  await stack.ask("POST", "/v1/jobs", job);
  const first = await node.next();
  const failure = { code: "handler_error", message: "no", retryable: false };
  const entry = await node.finish(first, { state: "failed", error: failure });
  const tokens: string[] = [];
  const app = createApp({
    ...stack.deps,
    onResult({ token }) {
      tokens.push(token);
      return Promise.resolve();
    },
  });
  const body = bodyOf({
    queue: "default",
    entry,
    results: [{ ...result, state: "failed", token: first.token }],
  });
  const at = new Date(Date.now() - 4 * 60_000);
  expect(await deliver(body, { app, at })).toMatchObject({ body: { recorded: 1 } });

  // Not even where the job has been sent again and has another outcome that is not recorded.
  await stack.ask("POST", "/v1/jobs/j1/resend");
  await node.finish(await node.next());
  await node.close();
  expect(await deliver(body, { app, at })).toMatchObject({ status: 200, body: { recorded: 0 } });
  expect(tokens).toEqual([first.token, first.token]);
  expect((await stack.ask("GET", "/v1/jobs/j1")).body).toMatchObject({
    state: "succeeded",
    recorded: false,
  });
});

test("a key that is not known is named; one that is to come is accepted already", async ({
  expect,
}) => {
  const delivery = await endedJob("j1");
  const next = `whsec_${btoa("another secret of 24 bytes or more")}`;
  const from = { secret: next, headers: { "signalbox-key-id": "next" } };
  expect(await deliver(bodyOf(delivery), from)).toMatchObject({
    status: 401,
    body: {
      code: "signature_invalid",
      detail: "expected a key that is known here, got the id next",
    },
  });
  const signingKeys = await importSigningKeys(`${signingSecret} next:${next}`);
  const app = createApp({ ...stack.deps, config: { ...stack.deps.config, signingKeys } });
  expect(await deliver(bodyOf(delivery), { ...from, app })).toMatchObject({
    body: { recorded: 1 },
  });
});

test("a bearer token does not open the callback", async ({ expect }) => {
  const answer = await stack.ask("POST", "/v1/results", { deliveries: [] });
  expect(answer).toMatchObject({ status: 401, body: { code: "signature_invalid" } });
});

test("what is signed and makes no sense is refused", async ({ expect }) => {
  const delivery = { queue: "default", entry: "1-0" };
  const bodies = [
    ["{}", "invalid_request"],
    ["{", "body_not_json"],
    ['{"deliveries":[]}', "invalid_request"],
    [bodyOf({ ...delivery, entry: "+" }), "invalid_request"],
    [bodyOf({ ...delivery, queue: "a b" }), "invalid_request"],
    [bodyOf({ ...delivery, results: [] }), "invalid_request"],
    [bodyOf({ ...delivery, results: [{ ...result, state: "running" }] }), "invalid_request"],
    [bodyOf({ ...delivery, results: [{ ...result, v: 2 }] }), "invalid_request"],
    [bodyOf(...Array.from({ length: 1_001 }, () => delivery)), "invalid_request"],
    [" ".repeat(10_485_761), "body_too_large"],
  ] as const;
  for (const [body, code] of bodies) {
    expect(await deliver(body)).toMatchObject({ body: { code } });
  }
  expect(stack.sent).toEqual([]);
});

test("how deep a result is does not keep it from being recorded", async ({ expect }) => {
  const delivery = await endedJob("j1");
  let deep: unknown = 1;
  for (let level = 0; level < 500; level++) deep = [deep];
  const body = bodyOf({ ...delivery, results: [{ ...result, result: deep }] });
  expect(await deliver(body)).toMatchObject({ status: 200, body: { recorded: 1 } });
});
