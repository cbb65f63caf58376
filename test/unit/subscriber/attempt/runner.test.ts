import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { RunContext } from "../../../../protocol/wire/catalog.ts";
import type { Envelope } from "../../../../protocol/wire/messages.ts";
import type { NodeLedger } from "../../../../protocol/ledger/nodes.ts";
import type { Finished } from "../../../../protocol/scripts/finish.ts";
import { backoffMs } from "../../../../subscriber/connection/backoff.ts";
import { endingOf } from "../../../../subscriber/outcome/ending.ts";
import { createEvents } from "../../../../subscriber/events.ts";
import { createFinisher } from "../../../../subscriber/outcome/finisher.ts";
import {
  startAttempt,
  type AbortCause,
  type Handler,
} from "../../../../subscriber/attempt/runner.ts";
import { createAssignment } from "../../../../subscriber/membership/assignment.ts";
import { until } from "../../../support/until.ts";

const envelope: Envelope = {
  ...{ v: 1, queue: "q", node: "n", token: "1-0.1", attempt: 1, id: "x", name: "echo" },
};
const log = { info: () => undefined, warn: () => undefined };
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
  test("gives what the handler returns, at once or later, null for nothing", async () => {
    expect(await run((payload) => payload, { more: { payload: [1] } })).toEqual({
      kind: "done",
      value: [1],
    });
    expect(await run(() => Promise.resolve("later"))).toEqual({ kind: "done", value: "later" });
    expect(await run(() => undefined)).toEqual({ kind: "done", value: null });
  });

  test("never throws, whatever is thrown", async () => {
    const hostile: unknown[] = [
      ...[null, undefined, 0, "", Symbol("s"), 1n, [], {}, () => 1, Object.create(null) as unknown],
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
  ])("says of %s whether another try is worth it: %s", async (error, retryable) => {
    const outcome = await run(() => Promise.reject(error));
    expect(outcome).toMatchObject({ kind: "failed", failure: { retryable } });
  });

  test("takes codes and delays that are sound and no others", async () => {
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

describe("endingOf", () => {
  const options = { durationMs: 1.5, maxResultBytes: 100, random: () => 0 };

  test("writes the result as the handler gave it, and begins as readers expect", () => {
    const { state, text } = endingOf(envelope, { kind: "done", value: { a: "ü\u2028" } }, options);
    expect(state).toBe("succeeded");
    expect(text.startsWith('{"v":1,"id":')).toBe(true);
    expect(JSON.parse(text)).toEqual({
      ...envelope,
      state,
      durationMs: 1.5,
      result: { a: "ü\u2028" },
    });
  });

  test("measures in bytes of UTF-8, to the byte", () => {
    const sized = (value: string) => endingOf(envelope, { kind: "done", value }, options).state;
    expect(sized("x".repeat(98))).toBe("succeeded");
    expect(sized("x".repeat(99))).toBe("failed");
    expect(sized("ü".repeat(49))).toBe("succeeded");
    expect(sized("ü".repeat(50))).toBe("failed");
  });

  test("fails for good what is not JSON, whatever its toJSON throws", () => {
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    const hostile = {
      toJSON: () => {
        throw Object.create(null) as Error;
      },
    };
    for (const value of [1n, loop, hostile]) {
      const ending = endingOf(envelope, { kind: "done", value: value as never }, options);
      expect(ending).toMatchObject({ state: "failed", error: { code: "result_not_json" } });
    }
  });

  test("leaves a retryable failure for another attempt until there is none", () => {
    const failure = { code: "c", message: "m", retryable: true };
    const at = (attempt: number) =>
      endingOf({ ...envelope, attempt }, { kind: "failed", failure }, options);
    expect(at(1)).toMatchObject({ state: "retry", delayMs: 1_000, text: JSON.stringify(failure) });
    expect(at(3)).toMatchObject({ state: "failed" });
    expect(JSON.parse(at(3).text)).toMatchObject({ state: "failed", error: failure, attempt: 3 });
  });

  test("gives back without a text, and cancels with one", () => {
    expect(endingOf(envelope, { kind: "released" }, options)).toMatchObject({
      state: "released",
      text: "",
    });
    expect(endingOf(envelope, { kind: "cancelled" }, options)).toMatchObject({
      state: "cancelled",
    });
  });
});

describe("backoffMs", () => {
  test("doubles up to its cap, less at most half", () => {
    const at = (failures: number, random: number) =>
      backoffMs(failures, { firstMs: 100, capMs: 1_000, random: () => random });
    expect([1, 2, 3, 4, 5, 999].map((failures) => at(failures, 0))).toEqual([
      ...[100, 200, 400, 800, 1_000, 1_000],
    ]);
    expect(at(1, 0.999)).toBe(50);
    expect(Number.isFinite(backoffMs(1e9, { firstMs: 1, capMs: 60_000 }))).toBe(true);
  });
});

describe("a finisher", () => {
  const nothing: Finished = { verdicts: [], next: [], waiting: [], entry: null };

  function create(finish: NodeLedger["finish"]) {
    const seat = createAssignment({ node: "n", queue: "q", slots: 1 });
    seat.phase = "live";
    const finisher = createFinisher({
      ledger: { finish } as NodeLedger,
      queue: "q",
      assignments: new Map([["n", seat]]),
      events: createEvents(() => undefined),
      onVerdict: () => undefined,
      onNext: () => undefined,
      onStored: () => undefined,
      signal: new AbortController().signal,
    });
    return { finisher, seat };
  }

  test("does not forget a hint that comes while a call is under way", async () => {
    const asked: boolean[] = [];
    let answer: (finished: Finished) => void = () => undefined;
    const { finisher, seat } = create((_, endings, { nodes }) => {
      asked.push(nodes.some(({ waiting }) => waiting));
      if (endings.length === 0) return Promise.resolve(nothing);
      return new Promise((resolve) => (answer = resolve));
    });
    finisher.add({ id: "x", token: "t", node: "n", state: "succeeded", text: "{}" });
    await until(() => asked.length === 1, { or: "the first call" });
    seat.waiting = true;
    finisher.fetch();
    answer({ ...nothing, verdicts: ["stored"] });
    await until(() => asked.length === 2, { or: "the second call" });
    expect(asked).toEqual([false, true]);
  });

  test("sends what gathered meanwhile in one call, 1,000 at most", async () => {
    const sizes: number[] = [];
    const { finisher } = create((_, endings) => {
      sizes.push(endings.length);
      return Promise.resolve({ ...nothing, verdicts: endings.map(() => "stored" as const) });
    });
    for (let at = 0; at < 2_500; at++) {
      finisher.add({ id: `x${at}`, token: "t", node: "n", state: "succeeded", text: "{}" });
    }
    await until(() => sizes.length === 3, { or: "three calls" });
    expect(sizes).toEqual([1_000, 1_000, 500]);
  });
});
