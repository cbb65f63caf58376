import { describe, expect, test } from "vitest";
import { endingOf } from "../../../../subscriber/attempt/ending.ts";
import { envelopeOf } from "../fakes.ts";

const envelope = envelopeOf("x");

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

  test.each<[value: unknown, path: string]>([
    [Number.NaN, "result"],
    [{ a: [1, -Infinity] }, "result.a.1"],
    [[undefined], "result.0"],
    [new Map([[1, 2]]), "result"],
    [{ seen: new Set() }, "result.seen"],
    [new Response("x"), "result"],
    [() => 1, "result"],
    [Symbol("s"), "result"],
    [new Error("x"), "result"],
    [{ at: new Date(Number.NaN) }, "result.at"],
  ])("fails for good what JSON would change, and says where: case %#", (value, path) => {
    const ending = endingOf(envelope, { kind: "done", value: value as never }, options);
    expect(ending).toMatchObject({ state: "failed", error: { code: "result_invalid" } });
    expect(ending.error?.message).toContain(`${path}: expected`);
  });

  test("takes a date, an absent field and an instance with fields as JSON writes them", () => {
    const value = {
      at: new Date(0),
      none: undefined,
      one: new (class {
        n = 1;
      })(),
    };
    const { text } = endingOf(envelope, { kind: "done", value: value as never }, options);
    expect(JSON.parse(text)).toMatchObject({
      result: { at: "1970-01-01T00:00:00.000Z", one: { n: 1 } },
    });
  });

  test("passes the stack on for the log, and writes it nowhere", () => {
    const failure = { code: "c", message: "m", retryable: false };
    const ending = endingOf(envelope, { kind: "failed", failure, stack: "at x" }, options);
    expect(ending.stack).toBe("at x");
    expect(ending.text).not.toContain("at x");
  });

  test("leaves a retryable failure for another attempt until none is left", () => {
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
