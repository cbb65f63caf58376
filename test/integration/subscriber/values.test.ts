/** What a handler may return, throw, log and report, on a real subscriber and Redis. */
import { afterAll, beforeAll, describe, test } from "vitest";
import type { JobLog } from "../../../protocol/wire/catalog.ts";
import type { ResultMessage } from "../../../protocol/wire/messages.ts";
import type { Stored } from "../../../protocol/wire/record.ts";
import { job } from "../../support/ledger.ts";
import { openRealLedger } from "../../support/real-time-ledger.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { runSubscriber } from "../../support/subscriber.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

function messageOf(stored: Stored): ResultMessage {
  return JSON.parse(stored.ended?.text ?? "null") as ResultMessage;
}

/** How a job of this handler ended, and how each of its attempts did. */
async function run(echo: () => unknown, attempts = 1) {
  await using bench = await openRealLedger(server.url);
  await using running = await runSubscriber({ url: server.url, handlers: { echo } });
  await bench.ledger.dispatch([job("a", { attempts })]);
  const message = messageOf(await bench.ended("a"));
  await running.event("attempt:ended");
  return { ...message, problems: await bench.problems(), seen: running.seen("attempt:ended") };
}

describe("a job", () => {
  test("fails for a result that JSON would change, and says where", async ({ expect }) => {
    const results: [result: unknown, path: string][] = [
      [Number.NaN, "result"],
      [{ seen: new Map() }, "result.seen"],
      [new Response("x"), "result"],
      [[1, undefined], "result.1"],
    ];
    for (const [result, path] of results) {
      const failed = await run(() => result);
      expect(failed.error).toMatchObject({ code: "result_invalid", retryable: false });
      expect(failed.error?.message).toContain(`${path}: expected what JSON can carry`);
      expect(failed.problems).toEqual([]);
    }
  });

  test("fails once for what says that it is not retryable, error or not; causes are told", async ({
    expect,
  }) => {
    const thrown: unknown = Object.freeze({
      code: "gone",
      message: "no such page",
      retryable: false,
    });
    const failed = await run(() => {
      throw thrown as Error;
    }, 3);
    expect(failed.error).toEqual(thrown);
    expect(failed.seen).toHaveLength(1);
    const cause = new Error("connect ECONNREFUSED 127.0.0.1:1");
    const unreachable = await run(() => Promise.reject(new TypeError("fetch failed", { cause })));
    const message = "TypeError: fetch failed: connect ECONNREFUSED 127.0.0.1:1";
    expect(unreachable.error).toEqual({ code: "handler_error", message, retryable: true });
    expect(unreachable.seen[0]).toMatchObject({ code: "handler_error", message });
    expect(unreachable.seen[0]?.stack).toMatch(/at .*values\.test[^]*caused by: Error: connect/);
  });

  test("does not fail for what it says to its log, or as progress", async ({ expect }) => {
    await using bench = await openRealLedger(server.url);
    const handlers = {
      echo: (_: unknown, { log, progress }: { log: JobLog; progress: (value: never) => void }) => {
        log.info("resizing", { width: 64 });
        log.info(new Error("odd"));
        log.info({ n: 1n, f: () => 1 }, "odd");
        (log.info as (...args: unknown[]) => void)(5, null, Symbol("s"));
        for (const value of [1n, () => 1, Number.NaN]) progress(value as never);
        return "done";
      },
    };
    await using running = await runSubscriber({ url: server.url, handlers });
    await bench.ledger.dispatch([job("a")]);
    expect(messageOf(await bench.ended("a"))).toMatchObject({ state: "succeeded", result: "done" });
    await running.event("attempt:ended");
    const [report] = await bench.ledger.reports("default", "a", "-");
    expect(report?.lines).toMatchObject([
      { message: "resizing", fields: { width: 64 } },
      { message: "Error: odd" },
      { message: "odd", fields: { n: "1" } },
      { message: "5 null Symbol(s)" },
    ]);
  });
});
