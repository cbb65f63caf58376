import { afterAll, beforeAll, describe, test } from "vitest";
import { createProducer } from "../../../producer/index.ts";
import { defaultNaming, queueKeys } from "../../../protocol/redis/keys.ts";
import { defaultPlan } from "../../../protocol/schedule/schedule.ts";
import { createJobSigner } from "../../../protocol/signing/job.ts";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";
import type { Json } from "../../../protocol/wire/json.ts";
import type { ResultMessage } from "../../../protocol/wire/messages.ts";
import type { HandlerModule } from "../../../subscriber/attempt/runner.ts";
import { publishRaw } from "../../support/foreign-slave.ts";
import { job } from "../../support/ledger.ts";
import { openRealLedger, type RealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

const secretOf = (id: string, fill: number) =>
  `${id}:whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const [older, newer] = [secretOf("older", 1), secretOf("newer", 2)];
const keys = queueKeys(defaultNaming, "default");
const mismatch = "expected the content and the place that key older signed";

/** A ledger that signs, and a subscriber of nodes 1 and 2 that wants that. */
async function open({
  signedWith = older,
  accepted = older,
  handlers = {},
}: {
  signedWith?: string | null;
  accepted?: string;
  handlers?: HandlerModule["handlers"];
} = {}) {
  const parts = new AsyncDisposableStack();
  const bench = parts.use(
    await openRealLedger(
      server.url,
      signedWith === null ? {} : { signer: createJobSigner(await importSigningKeys(signedWith)) },
    ),
  );
  const ran: string[] = [];
  const echo: HandlerModule["handlers"][string] = (payload, { id }) => {
    ran.push(id);
    return payload;
  };
  const wanted = { SIGNALBOX_NODES: "1,2", SIGNALBOX_ENVELOPE_SECRET: accepted };
  const start = async (env: Readonly<Record<string, string>> = wanted) =>
    parts.use(await runSubscriber({ url: server.url, env, handlers: { echo, ...handlers } }));
  return { bench, ran, start, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function outcome(bench: RealLedger, id: string): Promise<Partial<ResultMessage>> {
  const stored = await bench.ended(id);
  return JSON.parse(stored.ended?.text ?? "null") as ResultMessage;
}

/** Changes the stored record of a job that waits. */
async function tamper(
  { redis }: RealLedger,
  id: string,
  change: (record: string) => string,
): Promise<void> {
  await redis.hset(keys.jobs, id, change((await redis.hget(keys.jobs, id)) ?? ""));
}

describe("a subscriber of signed jobs", () => {
  test("runs them, with all kinds of content, at any node, or the one that was named", async ({
    expect,
  }) => {
    await using opened = await open();
    const { bench } = opened;
    await opened.start();
    const payload = { z: [-0, 1e21, 0.1], a: { "\u2028": "ü\ud800", 10: null, 9: {} } };
    const backoff = { kind: "list", delaysMs: [5], jitter: 0.5 } as const;
    await bench.ledger.dispatch([
      job("plain"),
      job("full", { payload, backoff, attempts: 2, timeoutMs: 9_000 }),
      job("named", { node: "2", payload: 1 }),
      job("later", { start: { inMs: 20 }, payload: "x" }),
    ]);
    for (const id of ["plain", "full", "named", "later"])
      expect(await outcome(bench, id)).toMatchObject({ state: "succeeded" });
    expect((await outcome(bench, "named")).node).toBe("2");
    expect(opened.ran.sort()).toEqual(["full", "later", "named", "plain"]);
    expect(await bench.redis.exists("signalbox:dead-letters")).toBe(0);
    expect(
      await bench.ledger.dispatch([
        job("full", { payload, backoff, attempts: 2, timeoutMs: 9_000 }),
      ]),
    ).toMatchObject([{ duplicate: true }]);
  });

  test("runs one again after a failure, and when it is resent by hand", async ({ expect }) => {
    let failures = 0;
    const flaky = () => {
      if (++failures <= 3) throw new Error("not yet");
      return failures;
    };
    await using opened = await open({ handlers: { flaky } });
    const { bench } = opened;
    await opened.start();
    const backoff = { kind: "fixed", delayMs: 1 } as const;
    await bench.ledger.dispatch([job("a", { name: "flaky", attempts: 3, backoff })]);
    expect(await outcome(bench, "a")).toMatchObject({ state: "failed", attempt: 3 });
    expect(await bench.ledger.resend("default", ["a"])).toEqual(["resent"]);
    expect(await outcome(bench, "a")).toMatchObject({ state: "succeeded", result: 4 });
  });

  test("does not run an unsigned one: it fails for good, is reported, and is kept", async ({
    expect,
  }) => {
    await using opened = await open({ signedWith: null });
    const { bench } = opened;
    const running = await opened.start();
    await bench.ledger.dispatch([job("a", { payload: "evil" })]);
    expect(await outcome(bench, "a")).toMatchObject({
      state: "failed",
      attempt: 1,
      error: { code: "signature_refused", message: "expected a signed job", retryable: false },
    });
    const [refused] = await running.event("message:refused");
    expect(refused).toMatchObject({
      channel: expect.stringMatching(/^CHANNEL_DISPATCH_[12]$/) as string,
      reason: "expected a signed job",
    });
    expect(await running.event("attempt:ended")).toMatchObject([{ code: "signature_refused" }]);
    const letters = await bench.redis.xrange("signalbox:dead-letters", "-", "+");
    const fields = letters.map(([, words]) => words);
    expect(fields).toMatchObject([expect.arrayContaining(["expected a signed job"]) as string[]]);
    expect(Buffer.from(fields[0]?.at(-1) ?? "", "base64").toString()).toContain("evil");
    expect(opened.ran).toEqual([]);
    expect(await bench.problems()).toEqual([]);
  });

  test.for([
    ["another payload", (text: string) => text.replace('"payload":1', '"payload":2')],
    ["another name", (text: string) => text.replace(" echo\n", " other\n")],
    ["another number of attempts", (text: string) => text.replace("\n", '\n,"attempts":9')],
    [
      "a schedule's name",
      (text: string) => text.replace(',"payload"', ',"schedule":{"id":"a","at":1},"payload"'),
    ],
  ] as const)(
    "does not run one that was given %s while it waited",
    async ([, change], { expect }) => {
      const other = () => "ran";
      await using opened = await open({ handlers: { other } });
      const { bench } = opened;
      await bench.ledger.dispatch([job("a", { payload: 1 })]);
      await tamper(bench, "a", change);
      await opened.start();
      expect(await outcome(bench, "a")).toMatchObject({ error: { code: "signature_refused" } });
      expect(opened.ran).toEqual([]);
    },
  );

  test("does not run what was signed for another id, queue or node", async ({ expect }) => {
    await using opened = await open();
    const { bench } = opened;
    const specs = [job("a", { payload: 1 }), job("b", { queue: "other" }), job("c", { node: "2" })];
    await bench.ledger.dispatch(specs);
    const record = (await bench.redis.hget(keys.jobs, "a")) ?? "";
    await bench.redis.hset(keys.jobs, "copy", record);
    const elsewhere = await bench.redis.hget(queueKeys(defaultNaming, "other").jobs, "b");
    await bench.redis.hset(keys.jobs, "b", elsewhere ?? "");
    await tamper(bench, "c", (text) => text.replace(" 2 echo\n", " - echo\n"));
    await bench.redis.del(`${keys.backlog}:2`, keys.parked);
    await bench.redis.rpush(keys.backlog, "copy", "b");
    const running = await opened.start();
    expect(await outcome(bench, "a")).toMatchObject({ state: "succeeded" });
    expect(await outcome(bench, "copy")).toMatchObject({ error: { message: mismatch } });
    expect(await outcome(bench, "b")).toMatchObject({ error: { message: mismatch } });
    expect(opened.ran).toEqual(["a"]);
    await running.event("message:refused", { count: 2 });
  });

  test("does not run what is published beside the ledger, nor bare ids", async ({ expect }) => {
    await using opened = await open();
    const { bench } = opened;
    const running = await opened.start();
    await using master = await publishRaw(server.port);
    const forged = { v: 1, queue: "default", node: "1", token: "1-0.1", attempt: 1, id: "x" };
    await master.publish("CHANNEL_DISPATCH_1", "42");
    await master.publish("CHANNEL_DISPATCH_1", JSON.stringify({ ...forged, name: "echo" }));
    const refused = await running.event("message:refused", { count: 2 });
    expect(refused.map(({ reason }) => reason).sort()).toEqual([
      "expected a signed job",
      "expected a signed job, got a bare id",
    ]);
    await running.event("attempt:fenced");
    expect(opened.ran).toEqual([]);
    expect(await bench.redis.hlen(keys.results)).toBe(0);
  });

  test("accepts keys that no longer sign, as long as it is given them", async ({ expect }) => {
    await using opened = await open({ accepted: `${newer} ${older}` });
    const { bench } = opened;
    await bench.ledger.dispatch([job("waited")]);
    const first = await opened.start();
    expect(await outcome(bench, "waited")).toMatchObject({ state: "succeeded" });
    await first.stop();
    await using retired = await open({ accepted: newer });
    await retired.bench.ledger.dispatch([job("late")]);
    await retired.start();
    expect(await outcome(retired.bench, "late")).toMatchObject({
      error: { message: "expected a job signed with a key that is known here, got the id older" },
    });
    const again = createJobSigner(await importSigningKeys(`${newer} ${older}`));
    await using turned = await openRealLedger(server.url, { empty: false, signer: again });
    await turned.ledger.dispatch([job("again")]);
    expect(await outcome(turned, "again")).toMatchObject({ state: "succeeded" });
  });

  test("runs what a producer with the secret dispatches", async ({ expect }) => {
    await using opened = await open();
    await opened.start();
    const producer = await createProducer({ redisUrl: server.url, envelopeSecret: older });
    // A program without types may give what becomes JSON only when it is written.
    const payload: unknown = { at: new Date(0), nothing: undefined };
    expect(await producer.run({ name: "echo", payload: payload as Json })).toMatchObject({
      state: "succeeded",
      result: { at: "1970-01-01T00:00:00.000Z" },
    });
    producer.close();
    await expect(
      createProducer({ redisUrl: server.url, envelopeSecret: "whsec_" }),
    ).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describe("a subscriber that wants no signatures", () => {
  test("runs signed jobs like any other, by handlers that see nothing of it", async ({
    expect,
  }) => {
    await using opened = await open();
    const { bench } = opened;
    await opened.start({});
    await bench.ledger.dispatch([job("a", { payload: 1 })]);
    expect(await outcome(bench, "a")).toMatchObject({ state: "succeeded", result: 1 });
  });
});

describe("the runs of a signed schedule", () => {
  const plan = { ...defaultPlan, rule: { kind: "in", inMs: 1 } } as const;
  const put = ({ schedules }: RealLedger, id: string, payload: number) =>
    schedules.put([{ id, queue: "default", plan, job: { name: "echo", payload, attempts: 2 } }], {
      source: "http",
      nonce: `n${payload}`,
      max: 10,
    });
  const runOf = async ({ redis }: RealLedger, id: string) =>
    (await redis.hkeys(keys.jobs)).find((each) => each.startsWith(`${id}@`)) ?? "";

  test("are run, whichever part made them, also by hand", async ({ expect }) => {
    await using opened = await open();
    const { bench } = opened;
    const running = await opened.start();
    const [answer] = await put(bench, "s", 1);
    expect(answer?.schedule?.job).toEqual({ name: "echo", payload: 1, attempts: 2 });
    await running.event("attempt:ended");
    await bench.schedules.runNow("default", "s", "hand");
    await running.event("attempt:ended", { count: 2 });
    expect(await outcome(bench, "s@hand")).toMatchObject({ state: "succeeded", result: 1 });
    expect(await outcome(bench, await runOf(bench, "s"))).toMatchObject({ state: "succeeded" });
  });

  test("are refused where another schedule's runs, or others, are put in their place", async ({
    expect,
  }) => {
    await using opened = await open();
    const { bench } = opened;
    await put(bench, "s", 1);
    await put(bench, "t", 2);
    const swap = async (id: string, change: (text: string) => string) =>
      bench.redis.hset(
        keys.schedules,
        id,
        change((await bench.redis.hget(keys.schedules, id)) ?? ""),
      );
    const stolen = (await bench.redis.hget(keys.schedules, "s")) ?? "";
    await bench.redis.hset(keys.schedules, "u", stolen);
    await swap("t", (text) => text.replace('"payload":2', '"payload":3'));
    const running = await opened.start();
    for (const id of ["t", "u"]) await bench.schedules.runNow("default", id, "now");
    for (const id of ["t@now", "u@now"])
      expect(await outcome(bench, id)).toMatchObject({ error: { message: mismatch } });
    await running.event("message:refused", { count: 2 });
    expect(opened.ran.filter((id) => !id.startsWith("s@"))).toEqual([]);
  });

  test("are signed again by another key when they are put again, and their times stay", async ({
    expect,
  }) => {
    await using opened = await open();
    const [first] = await put(opened.bench, "s", 1);
    const [same] = await put(opened.bench, "s", 1);
    expect([first?.verdict, same?.verdict]).toEqual(["created", "created"]);
    const signer = createJobSigner(await importSigningKeys(newer));
    await using turned = await openRealLedger(server.url, { empty: false, signer });
    const before = await turned.schedules.read(["default"], "s");
    const [again] = await turned.schedules.put(
      [{ id: "s", queue: "default", plan, job: { name: "echo", payload: 1, attempts: 2 } }],
      { source: "http", nonce: "again", max: 10 },
    );
    expect(again).toMatchObject({
      verdict: "replaced",
      schedule: {
        anchorMs: before?.schedule.anchorMs,
        coversMs: before?.schedule.coversMs,
        made: before?.schedule.made,
      },
    });
    expect(await turned.redis.hget(keys.schedules, "s")).toContain('"signature":{"key":"newer"');
  });
});
