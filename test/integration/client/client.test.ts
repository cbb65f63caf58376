/** The typed client, against the function's app on real parts, over a wire that can be cut. */
import { afterAll, beforeAll, beforeEach, describe, test, type TestContext } from "vitest";
import { createClient } from "../../../client/index.ts";
import { caught } from "../../support/caught.ts";
import type { catalog } from "../../support/client-catalog.ts";
import { clientToken, joinNode, type Stack, startStack } from "../../support/http-app.ts";
import { until } from "../../support/until.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

type Fault = (url: string, at: number) => Response | Error | "lose" | undefined;

/** A client, and what it has sent. `fault` may answer in the app's stead, or lose its answer. */
function open(fault: Fault = () => undefined, timeoutMs = 20_000) {
  const sent: string[] = [];
  const client = createClient<typeof catalog>({
    url: "http://signalbox.test/",
    token: clientToken,
    timeoutMs,
    fetch: async (url, init) => {
      init.signal?.throwIfAborted();
      sent.push(`${init.method ?? ""} ${url.replace("http://signalbox.test", "")}`);
      const found = fault(url, sent.length);
      if (found instanceof Response) return found;
      if (found instanceof Error) throw found;
      const response = await stack.app.request(new Request(url, init));
      if (found === "lose") throw new TypeError("fetch failed");
      return response;
    },
  });
  return { client, sent };
}

/** A node that ends what comes as `end` says, until the test is over. */
async function answerWith(onTestFinished: TestContext["onTestFinished"], end: object) {
  const node = await joinNode(stack, { name: "1", slots: 10 });
  const serve = async (): Promise<void> => {
    await node.finish(await node.next(), end);
    return serve();
  };
  serve().catch(() => undefined);
  onTestFinished(() => node.close());
}

describe("a dispatch", () => {
  test("whose answer is lost is repeated, and makes one job", async ({ expect }) => {
    const { client, sent } = open((_, at) => (at === 1 ? "lose" : undefined));
    const receipt = await client.dispatch({ name: "double", payload: { n: 1 } });
    expect(receipt).toMatchObject({ name: "double", state: "queued", duplicate: true });
    expect(sent).toHaveLength(2);
    const ids: string[] = [];
    for await (const { id } of client.list()) ids.push(id);
    expect(ids).toEqual([receipt.id]);
  });

  test("in a batch is answered job by job, and repeated as safely", async ({ expect }) => {
    const { client } = open((_, at) => (at === 1 ? "lose" : undefined));
    await stack.ask("POST", "/v1/jobs", { name: "greet", payload: "other", id: "taken" });
    const answers = await client.dispatchBatch([
      { name: "greet", payload: "a" },
      { name: "double", payload: { n: 2 }, id: "taken" },
      { name: "greet" },
    ]);
    expect(answers).toMatchObject([
      { name: "greet", duplicate: true },
      { id: "taken", error: { code: "id_conflict" } },
      { name: "greet", duplicate: true },
    ]);
    let count = 0;
    for await (const job of client.list({ name: "greet" })) count += job.name === "greet" ? 1 : 0;
    expect(count).toBe(3);
  });

  test("that is refused is not repeated, and its error has code and fields", async ({ expect }) => {
    const { client, sent } = open();
    const error = await caught(
      client.dispatch({ name: "double", payload: { n: 1 }, attempts: 1_000 }),
    );
    expect(error).toMatchObject({ code: "invalid_request", status: 400 });
    expect(error.fields).toMatchObject([{ path: "attempts" }]);
    expect(error.message).not.toContain(clientToken);
    expect(sent).toHaveLength(1);
  });

  test("waits as long as Retry-After says, and gives up where that is too long", async ({
    expect,
  }) => {
    const busy = (seconds: string) =>
      Response.json(
        { code: "redis_unavailable", detail: "busy" },
        { status: 503, headers: { "retry-after": seconds } },
      );
    const patient = open((_, at) => (at === 1 ? busy("0") : undefined));
    await patient.client.dispatch({ name: "greet" });
    expect(patient.sent).toHaveLength(2);
    const hasty = open(() => busy("3600"));
    const error = await caught(hasty.client.dispatch({ name: "greet" }));
    expect(error).toMatchObject({ code: "redis_unavailable", status: 503, retryAfter: 3_600 });
    expect(hasty.sent).toHaveLength(1);
  });

  test("without any answer ends as network_failed, or in time as timed_out", async ({ expect }) => {
    const gone = new TypeError("fetch failed");
    const dead = open(() => gone);
    expect(await caught(dead.client.dispatch({ name: "greet" }))).toMatchObject({
      code: "network_failed",
      status: 0,
      cause: gone,
    });
    expect(dead.sent).toHaveLength(4);
    const silent = createClient({
      url: "http://x",
      token: "x",
      timeoutMs: 30,
      fetch: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            reject(signal.reason as Error);
          });
        }),
    });
    expect((await caught(silent.dispatch({ name: "greet" }))).code).toBe("timed_out");
  });

  test("is told what else answers at that URL", async ({ expect }) => {
    const { client } = open(() => new Response("<html>", { status: 200 }));
    expect((await caught(client.get("x"))).code).toBe("answer_unexpected");
    const proxy = open(() => new Response("<html>", { status: 403 }));
    expect(await caught(proxy.client.get("x"))).toMatchObject({
      code: "answer_unexpected",
      status: 403,
    });
  });
});

describe("waiting", () => {
  test("resolves to a result of the catalogue's type", async ({ expect, onTestFinished }) => {
    const { client } = open();
    await answerWith(onTestFinished, { state: "succeeded", result: { n: 4 } });
    const { n } = await client.run({ name: "double", payload: { n: 2 } });
    expect(n.toFixed()).toBe("4");
    const receipt = await client.dispatch({ name: "double", payload: { n: 2 } });
    const job = await client.wait(receipt);
    expect(job.result?.n.toFixed()).toBe("4");
    expect(await client.get(receipt.id)).toMatchObject({ name: "double", payload: { n: 2 } });
  });

  test("throws job_failed, with the job, only from run", async ({ expect, onTestFinished }) => {
    const { client } = open();
    const failure = { code: "broken", message: "it broke", retryable: false };
    await answerWith(onTestFinished, { state: "failed", error: failure });
    const error = await caught(client.run({ name: "greet" }));
    expect(error).toMatchObject({ code: "job_failed", job: { state: "failed", error: failure } });
    const ended = await client.wait(await client.dispatch({ name: "greet" }));
    expect(ended.state).toBe("failed");
  });

  test("ends when its time is over or its signal aborts, and the job goes on", async ({
    expect,
  }) => {
    const { client, sent } = open();
    const { id } = await client.dispatch({ name: "greet" });
    const error = await caught(client.wait(id, { timeoutMs: 20 }));
    expect(error).toMatchObject({ code: "timed_out", job: { id, state: "queued" } });
    const stop = new AbortController();
    const waiting = client.wait(id, { signal: stop.signal });
    await until(() => sent.some((line) => line.endsWith("wait=25")), { or: "nobody waits" });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(client.get(id, { signal: stop.signal })).rejects.toThrow("enough");
    expect((await client.get(id)).state).toBe("queued");
  });
});

describe("watching", () => {
  test("tells each state and the end, over streams that break off", async ({ expect }) => {
    let broken = 0;
    const { client, sent } = open((url) => {
      if (!url.endsWith("/events") || broken++ > 0) return undefined;
      const half = 'id: 0-0_0_1-0.0_running\nevent: log\ndata: {"message":"hi"}\n\nevent: sta';
      return new Response(half, { headers: { "content-type": "text/event-stream" } });
    });
    const { id } = await client.dispatch({ name: "greet" });
    const told: string[] = [];
    for await (const { event, data } of client.watch(id)) {
      told.push(event === "state" || event === "result" ? `${event} ${data.state}` : event);
      if (told.at(-1) === "state queued") await client.cancel(id);
    }
    expect(told).toEqual(["log", "state queued", "state cancelled", "result cancelled"]);
    expect(sent.filter((line) => line.endsWith("/events"))).toHaveLength(2);
    const error = await caught(client.watch("unknown").next());
    expect(error.code).toBe("not_found");
  });
});

describe("managing", () => {
  test("cancels, sends again, deletes; a delete whose answer was lost is done", async ({
    expect,
  }) => {
    let loses = 0;
    const { client, sent } = open(() => (loses-- > 0 ? "lose" : undefined));
    const { id, queue } = await client.dispatch({ name: "greet", queue: "mail" });
    expect(await client.cancel(id, { queue })).toMatchObject({ outcome: "cancelled" });
    loses = 1;
    expect((await caught(client.retry(id))).code, "not repeated").toBe("network_failed");
    expect(await client.retry(id)).toMatchObject({ resent: false, state: "queued" });
    await client.cancel(id);
    loses = 1;
    await client.delete(id);
    expect(sent.filter((line) => line.startsWith("DELETE"))).toHaveLength(2);
    expect((await caught(client.get(id))).code).toBe("not_found");
  });

  test("lists over pages, and asks for no page that nobody comes to", async ({ expect }) => {
    const { client, sent } = open();
    await client.dispatchBatch(Array.from({ length: 230 }, () => ({ name: "greet" as const })));
    let count = 0;
    for await (const job of client.list({ state: "queued" })) count += job.id === "" ? 0 : 1;
    expect(count).toBe(230);
    expect(sent.filter((line) => line.startsWith("GET"))).toHaveLength(3);
    for await (const job of client.list()) {
      expect(job.name).toBe("greet");
      break;
    }
    expect(sent.filter((line) => line.startsWith("GET"))).toHaveLength(4);
  });

  test("looks at the failed set, sends it again, deletes it", async ({
    expect,
    onTestFinished,
  }) => {
    const { client } = open();
    const failure = { code: "broken", message: "it broke", retryable: false };
    await answerWith(onTestFinished, { state: "failed", error: failure });
    const { id } = await client.dispatch({ name: "greet" });
    await client.wait(id);
    const codes: unknown[] = [];
    for await (const { error } of client.failed.list({ code: "broken" })) codes.push(error?.code);
    expect(codes).toEqual(["broken"]);
    expect(await client.failed.resend({ name: "greet" })).toEqual({ ids: [id], skipped: [] });
    await client.wait(id);
    expect(await client.failed.delete({ ids: [id, "none"] })).toMatchObject({
      ids: [id],
      skipped: [{ id: "none", reason: "unknown" }],
    });
  });

  test("puts, reads, lists, moves, runs and deletes schedules", async ({ expect }) => {
    const { client } = open();
    const { schedules } = client;
    const order = { name: "double", payload: { n: 1 }, cron: "0 0 1 1 *" } as const;
    expect(await schedules.put("s", order)).toMatchObject({ outcome: "created" });
    expect(await schedules.put("s", order)).toMatchObject({ outcome: "unchanged" });
    expect(await schedules.count()).toBe(1);
    expect(await schedules.isScheduled("s")).toBe(true);
    expect(await schedules.pause("s")).toMatchObject({ state: "paused" });
    expect(await schedules.resume("s")).toMatchObject({ state: "active" });
    const at = new Date(Date.now() + 86_400_000);
    expect(await schedules.moveNext("s", at)).toMatchObject({ nextAt: at.toISOString() });
    const job = await schedules.run("s");
    expect(await client.get(job)).toMatchObject({ schedule: { id: "s", manual: true } });
    expect(await schedules.history("s")).toMatchObject([{ job }]);
    for await (const { id } of schedules.list({ queue: "default" })) expect(id).toBe("s");
    expect((await schedules.get("s")).id).toBe("s");
    expect(await schedules.preview({ everyMs: 60_000, count: 3 })).toHaveLength(3);
    expect(await schedules.delete("s")).toBe(true);
    expect(await schedules.delete("s")).toBe(false);
  });

  test("lists nodes", async ({ expect, onTestFinished }) => {
    const { client } = open();
    await answerWith(onTestFinished, {});
    expect(await client.nodes.list()).toMatchObject([{ name: "1", connected: true, slots: 10 }]);
  });
});

describe("a client", () => {
  test("refuses a URL and a token that cannot be one, and does not show the token", ({
    expect,
  }) => {
    expect(() => createClient({ url: "signalbox.test", token: "x" })).toThrow("expected url");
    expect(() => createClient({ url: "http://x", token: "sec ret" })).toThrow(
      /^expected token: (?!.*sec ret)/,
    );
  });
});
