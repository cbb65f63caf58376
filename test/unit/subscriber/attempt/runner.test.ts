import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { RunContext } from "../../../../protocol/wire/catalog.ts";
import {
  type AbortCause,
  type Handler,
  startAttempt,
} from "../../../../subscriber/attempt/runner.ts";
import { envelopeOf } from "../fakes.ts";

const envelope = envelopeOf("x");
const write = () => undefined;
const log = { debug: write, info: write, warn: write, error: write };
const progress = () => undefined;

function run(handler: Handler, { cause = null as AbortCause | null, more = {} } = {}) {
  const onUnresponsive = vi.fn();
  const module = { handlers: { echo: handler }, catalog: undefined };
  const { outcome, abort } = startAttempt(
    { ...envelope, ...more },
    { module, log, progress, onUnresponsive },
  );
  if (cause !== null) abort(cause);
  return outcome;
}

describe("the context of a handler", () => {
  const seen: unknown[] = [];
  const handler =
    (wrap: (context: RunContext) => { readonly signal?: AbortSignal }): Handler =>
    (_, context) => {
      seen.push(wrap(context).signal);
    };

  test.each<[string, (context: RunContext) => { readonly signal?: AbortSignal }]>([
    ["copied", (context) => ({ ...context })],
    ["assigned", (context) => Object.assign({}, context)],
    ["taken apart", ({ id, ...rest }) => ({ ...rest, of: id })],
    ["wrapped", (context) => new Proxy(context, {})],
    ["inherited from", (context) => Object.create(context) as RunContext],
  ])("has its signal when it is %s", async (_, wrap) => {
    expect(await run(handler(wrap))).toMatchObject({ kind: "done" });
    expect(seen.pop()).toBeInstanceOf(AbortSignal);
  });

  test("has a schedule only where the job is a run of one", async () => {
    const names = (_: unknown, context: RunContext) => Object.keys(context).toSorted();
    const common = ["attempt", "id", "log", "name", "node", "progress", "queue"];
    expect(await run(names)).toMatchObject({ value: [...common, "signal"] });
    const schedule = { id: "s", at: 1 };
    expect(await run(names, { more: { schedule } })).toMatchObject({
      value: [...common, "schedule", "signal"],
    });
  });
});

describe("startAttempt", () => {
  test("gives what the handler returns, now or later, null for nothing", async () => {
    expect(await run((payload) => payload, { more: { payload: [1] } })).toEqual({
      kind: "done",
      value: [1],
    });
    expect(await run(() => Promise.resolve("later"))).toEqual({ kind: "done", value: "later" });
    expect(await run(() => undefined)).toEqual({ kind: "done", value: null });
  });

  test.each([0, -1, 1e300, Infinity, 2_592_000_000])(
    "does not time out immediately where a job of another program says %s ms",
    async (timeoutMs) => {
      const later = () => new Promise((resolve) => setImmediate(resolve, "done"));
      const outcome = await run(later, { more: { timeoutMs } });
      expect(outcome).toEqual({ kind: "done", value: "done" });
    },
  );

  test("never throws, whatever is thrown", async () => {
    const hostile: unknown[] = [
      null,
      undefined,
      0,
      "",
      Symbol("s"),
      1n,
      [],
      {},
      () => 1,
      Object.create(null),
      {
        toString: () => {
          throw new Error("no");
        },
      },
      Object.assign(new Error("x"), { name: Symbol("name") }),
      Object.defineProperty(new Error("x"), "message", {
        get: () => {
          throw new Error("no");
        },
      }),
      Object.defineProperty(new Error("x"), "code", {
        get: () => {
          throw new Error("no");
        },
      }),
      new Proxy(new Error("x"), {
        get: () => {
          throw new Error("no");
        },
      }),
    ];
    for (const thrown of hostile) {
      const outcome = await run(() => {
        throw thrown as Error;
      });
      expect(outcome).toMatchObject({ kind: "failed", failure: { code: "handler_error" } });
    }
    await fc.assert(
      fc.asyncProperty(fc.anything({ withNullPrototype: true }), async (thrown) => {
        expect(
          (
            await run(() => {
              throw thrown as Error;
            })
          ).kind,
        ).toBe("failed");
      }),
    );
  });

  test.each([
    [new TypeError("x"), false],
    [new RangeError("x"), false],
    [new TypeError("fetch failed", { cause: new Error("ECONNREFUSED") }), true],
    [new Error("x"), true],
    [Object.assign(new TypeError("x"), { retryable: true }), true],
    [Object.assign(new Error("x"), { retryable: false }), false],
    [Object.assign(new Error("x"), { retryable: "no" }), true],
  ])("of %s says whether another attempt is worth it: %s", async (error, retryable) => {
    const outcome = await run(() => Promise.reject(error));
    expect(outcome).toMatchObject({ kind: "failed", failure: { retryable } });
  });

  test("takes over codes and delays that are sound, and no others", async () => {
    const codeOf = async (more: object) => {
      const outcome = await run(() => Promise.reject(Object.assign(new Error("m"), more)));
      return outcome.kind === "failed" ? outcome.failure : null;
    };
    expect(await codeOf({ code: "E_1" })).toMatchObject({ code: "E_1" });
    for (const code of ["a b", "", "x".repeat(65), 5, 'a"b', "a\n"]) {
      expect(await codeOf({ code })).toMatchObject({ code: "handler_error" });
    }
    expect(await codeOf({ retryAfterMs: 5 })).toMatchObject({ retryAfterMs: 5 });
    for (const retryAfterMs of [-1, "5", NaN]) {
      expect(await codeOf({ retryAfterMs })).not.toHaveProperty("retryAfterMs");
    }
    expect((await codeOf({ message: "x".repeat(5_000) }))?.message.length).toBeLessThanOrEqual(
      2_000,
    );
  });

  test.each([
    ["shutdown", { kind: "released" }],
    ["lease_lost", { kind: "released" }],
    ["cancelled", { kind: "cancelled" }],
    ["timeout", { kind: "failed", failure: { code: "timeout", retryable: true } }],
  ] as const)("ends as its signal was aborted: %s", async (cause, outcome) => {
    expect(await run(() => new Promise(() => undefined), { cause })).toMatchObject(outcome);
  });
});
