import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Json,
  jsonDepth,
  jsonProblem,
  jsonProblemText,
  sameJson,
} from "../../../../protocol/wire/json.ts";

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
/** The value after it has crossed the wire: without -0, which JSON text does not keep. */
const wired = (value: Json) => JSON.parse(JSON.stringify(value)) as Json;

/** The same value with the keys of every object in another order. */
function shuffled(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value as Readonly<Record<string, Json>>).reverse();
  return Object.fromEntries(entries.map(([key, each]) => [key, shuffled(each)]));
}

function depthOf(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value as Readonly<Record<string, Json>>).map(depthOf));
}

describe("sameJson", () => {
  test("agrees with deep equality", () => {
    fc.assert(
      fc.property(json.map(wired), json.map(wired), (a, b) => {
        expect(sameJson(a, b)).toBe(isDeepStrictEqual(a, b));
        expect(sameJson(a, wired(a))).toBe(true);
      }),
    );
  });

  test("ignores the order of keys, but not that of items", () => {
    fc.assert(
      fc.property(json.map(wired), (value) => {
        expect(sameJson(value, shuffled(value))).toBe(true);
      }),
    );
    expect(sameJson([1, 2], [2, 1])).toBe(false);
  });

  test.each([
    [null, undefined],
    [[], {}],
    [{}, { a: null }],
    [{ a: 1 }, { b: 1 }],
    [[1], [1, 1]],
    ["1", 1],
    [0, false],
    [{ length: 0 }, []],
    [JSON.parse('{"__proto__":1}'), {}],
    [JSON.parse('{"hasOwnProperty":1}'), { toString: 1 }],
  ] as [Json, Json][])("distinguishes %j and %j", (a, b) => {
    expect(sameJson(a, b)).toBe(false);
    expect(sameJson(b, a)).toBe(false);
  });
});

describe("jsonDepth", () => {
  test("agrees with a recursive count, whatever the spacing", () => {
    fc.assert(
      fc.property(json, fc.constantFrom(0, 2), (value, space) => {
        expect(jsonDepth(JSON.stringify(value, null, space))).toBe(depthOf(wired(value)));
      }),
    );
  });

  test("is not deceived by brackets and quotes in strings", () => {
    expect(jsonDepth(JSON.stringify(['[{"\\"[[', "\\", '\\"[']))).toBe(1);
    expect(jsonDepth('"[[["')).toBe(0);
  });

  test("counts text that would exhaust a parser, and text that is not JSON", () => {
    expect(jsonDepth("[".repeat(1_000_000))).toBe(1_000_000);
    expect(jsonDepth("]]]][")).toBeLessThanOrEqual(1);
    expect(jsonDepth('"\\')).toBe(0);
  });
});

describe("jsonProblem", () => {
  class Money {
    readonly cents = 5;
  }
  class Hidden {
    readonly #cents = 5;
    total = () => this.#cents;
  }

  test("finds nothing in JSON, and in what JSON writes as it is", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(jsonProblem(value)).toBeNull();
      }),
    );
    const fine: unknown[] = [
      { a: undefined, at: new Date(0), url: new URL("http://x") },
      new Money(),
      Object.create(null),
      structuredClone({ a: [1] }),
      Buffer.from("x"),
      { toJSON: () => ({ a: 1 }) },
      -0,
      Number.MAX_VALUE,
    ];
    for (const value of fine) expect(jsonProblem(value)).toBeNull();
    const shared = { a: 1 };
    expect(jsonProblem([shared, shared])).toBeNull();
  });

  test.each<[what: string, value: unknown, path: string]>([
    ["NaN", Number.NaN, ""],
    ["an infinity, deep", { a: [1, { b: -Infinity }] }, "a.1.b"],
    ["undefined in an array", { list: [1, undefined] }, "list.1"],
    ["a hole", { list: [1, , 2] }, "list.1"],
    ["nothing at all", undefined, ""],
    ["a function", { a: () => 1 }, "a"],
    ["a symbol", [Symbol("s")], "0"],
    ["a Map", { a: new Map([[1, 2]]) }, "a"],
    ["a Set", new Set([1]), ""],
    ["a Response", new Response("x"), ""],
    ["Headers", new Headers({ a: "b" }), ""],
    ["an Error", { err: new TypeError("x") }, "err"],
    ["bytes", new Uint8Array([1]), ""],
    ["a buffer of them", { a: new ArrayBuffer(2) }, "a"],
    ["a promise", { a: Promise.resolve(1) }, "a"],
    ["a pattern", /x/, ""],
    ["an invalid Date", { at: new Date(Number.NaN) }, "at"],
    ["a boxed number", { n: Object(1) as unknown }, "n"],
    ["an instance that hides its content", new Hidden(), "total"],
    ["an instance without any", { a: Object.create({}) as object }, "a"],
    ["what toJSON answers", { a: { toJSON: () => ({ b: Number.NaN }) } }, "a.b"],
    ["a Date that toJSON answers", { toJSON: () => new Date(0) }, ""],
  ])("names the place of %s, which JSON would change", (_, value, path) => {
    expect(jsonProblem(value)).toMatchObject({ path, kind: "changed" });
  });

  test("names the place of what JSON cannot write", () => {
    const loop: Record<string, unknown> = { a: {} };
    loop["a"] = { back: loop };
    let deep: unknown = 1;
    for (let level = 0; level < 50_000; level++) deep = [deep];
    const throwing = (): never => {
      throw new Error("no");
    };
    const cases: [unknown, string][] = [
      [{ n: 1n }, "n"],
      [loop, "a.back"],
      [{ a: { b: { toJSON: throwing } } }, "a.b"],
      [{ a: Object.defineProperty({}, "b", { enumerable: true, get: throwing }) }, "a.b"],
      [{ a: new Proxy({}, { ownKeys: throwing }) }, "a"],
      [[new Proxy({}, { get: throwing })], "0"],
    ];
    for (const [value, path] of cases)
      expect(jsonProblem(value)).toMatchObject({ path, kind: "unwritable" });
    expect(jsonProblem(deep)?.reason).toBe("more than 1000 levels");
  });

  test("agrees with what comes back from JSON text", () => {
    const options = { withBigInt: true, withMap: true, withSet: true, withTypedArray: true };
    const anything = fc.anything({ ...options, withDate: true, withSparseArray: true });
    fc.assert(
      fc.property(anything, (value) => {
        if (jsonProblem(value) !== null) return;
        const text = JSON.stringify(value);
        expect(JSON.stringify(JSON.parse(text))).toBe(text);
        expect(text).not.toBeUndefined();
      }),
    );
  });

  test("becomes a sentence with the name of the whole", () => {
    const problem = jsonProblem({ list: [Number.NaN] });
    if (problem === null) throw new Error("expected a problem");
    expect(jsonProblemText(problem, "payload")).toBe(
      "payload.list.0: expected what JSON can carry, got NaN, which JSON writes as null",
    );
    expect(jsonProblem({ ["k".repeat(5_000)]: 1n })?.path).toHaveLength(200);
  });
});
