import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Json, jsonDepth, sameJson } from "../../../../protocol/wire/json.ts";

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
