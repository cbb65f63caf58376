import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failureOf, stackOf } from "../../../../subscriber/attempt/failure-of.ts";

const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), {
  code: "ECONNREFUSED",
});
const throwing = (): never => {
  throw new Error("no");
};

describe("what is thrown", () => {
  test.each<[thrown: unknown, failure: object]>([
    [
      { code: "gone", message: "no such page", retryable: false },
      { code: "gone", message: "no such page", retryable: false },
    ],
    [
      Object.freeze({ code: "busy", message: "later", retryAfterMs: 4.2 }),
      { code: "busy", message: "later", retryable: true, retryAfterMs: 5 },
    ],
    [{ name: "Timeout", message: "late" }, { message: "late" }],
    [{ message: { deep: 1 } }, { message: "{ deep: 1 }" }],
    [{ status: 502 }, { message: "{ status: 502 }" }],
    [
      { code: 404, message: "x" },
      { code: "handler_error", message: "x (404)" },
    ],
    [["a", 1], { message: "[ 'a', 1 ]" }],
    ["no space left", { message: "no space left" }],
    ["", { message: "an empty text was thrown" }],
    [undefined, { message: "undefined was thrown" }],
    [null, { message: "null was thrown" }],
    [1n, { message: "1 was thrown" }],
    [Symbol("s"), { message: "Symbol(s) was thrown" }],
    [() => 1, { message: "a function was thrown" }],
    [new Error("x"), { message: "Error: x" }],
    [new Error(""), { message: "Error" }],
    [Object.assign(new Error(), { message: { deep: 1 } }), { message: "Error: { deep: 1 }" }],
    [Object.assign(new Error("x"), { code: "a-b" }), { message: "Error: x (a-b)" }],
    [
      new (class extends Error {
        override toString = throwing;
      })("x"),
      { message: "Error: x" },
    ],
    [Object.assign(new Error("x"), { retryAfterMs: Infinity }), { retryAfterMs: 604_800_000 }],
    [runInNewContext("new Error('elsewhere')"), { message: "Error: elsewhere" }],
  ])("is described: case %#", (thrown, failure) => {
    expect(failureOf(thrown)).toMatchObject(failure);
  });

  test("is described with its causes and their codes", () => {
    const fetchFailed = new TypeError("fetch failed", { cause: refused });
    expect(failureOf(fetchFailed)).toMatchObject({
      message: "TypeError: fetch failed: connect ECONNREFUSED 127.0.0.1:1",
      retryable: true,
    });
    const cause = Object.assign(new RangeError("too far"), { code: "E_FAR" });
    const wrapped = new Error("outer", { cause: new Error("inner", { cause }) });
    expect(failureOf(wrapped).message).toBe("Error: outer: inner: RangeError: too far (E_FAR)");
    expect(failureOf({ message: "m", cause: "a reason" }).message).toBe("m: a reason");
    expect(failureOf(new Error("was: x", { cause: new Error("x") })).message).toBe("Error: was: x");
  });

  test("is described with the members of an AggregateError", () => {
    const errors = [refused, "text", new TypeError("b"), new Error("c"), new Error("d")];
    expect(failureOf(new AggregateError(errors, "all failed")).message).toBe(
      "AggregateError: all failed [connect ECONNREFUSED 127.0.0.1:1; text; TypeError: b; and 2 more]",
    );
    const empty = new TypeError("fetch failed", { cause: new AggregateError([refused]) });
    expect(failureOf(empty).message).toBe(
      "TypeError: fetch failed: AggregateError [connect ECONNREFUSED 127.0.0.1:1]",
    );
  });

  test("may lead back to itself, be long, or cut a character in half", () => {
    const loop = new Error("loop");
    loop.cause = new Error("back", { cause: loop });
    expect(failureOf(loop).message).toBe("Error: loop: back");
    let long = new Error("0");
    for (let at = 1; at < 1_000; at++) long = new Error(String(at), { cause: long });
    expect(failureOf(long).message).toBe("Error: 999: 998: 997: 996: 995");
    const { message } = failureOf(`${"x".repeat(1_999)}😀`);
    expect(message.length).toBe(2_000);
    expect(message.isWellFormed()).toBe(true);
  });

  test("may refuse to be read", () => {
    const traps = { get: throwing, has: throwing, getPrototypeOf: throwing, ownKeys: throwing };
    for (const target of [new Error("x"), {}, throwing])
      expect(failureOf(new Proxy(target, traps))).toMatchObject({ code: "handler_error" });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(failureOf(proxy)).toMatchObject({ code: "handler_error", retryable: true });
    const half = Object.defineProperty(new Error("kept"), "code", { get: throwing });
    expect(failureOf(half).message).toBe("Error: kept");
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (thrown) => {
        expect(typeof failureOf(thrown).message).toBe("string");
        expect(failureOf({ cause: thrown, errors: thrown, message: thrown }).code).toBe(
          "handler_error",
        );
        stackOf(thrown);
      }),
    );
  });
});

describe("the stack", () => {
  test("has those of the causes, and is bounded", () => {
    const stack = stackOf(new TypeError("fetch failed", { cause: refused })) ?? "";
    expect(stack).toMatch(/^TypeError: fetch failed\n +at .*failure-of\.test/);
    expect(stack).toContain("\ncaused by: Error: connect ECONNREFUSED");
    const huge = new Error("x".repeat(10_000), { cause: new Error("kept") });
    expect(stackOf(huge)?.length).toBeLessThanOrEqual(4_096);
    expect(stackOf(huge)).toContain("caused by: Error: kept");
  });

  test("of what has none is absent", () => {
    const odd = Object.assign(new Error("x"), { stack: 5 });
    for (const thrown of ["text", null, { message: "m" }, odd])
      expect(stackOf(thrown)).toBeUndefined();
  });
});
