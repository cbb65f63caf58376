import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonDepth, sameJson, type Json } from "../../../../protocol/wire/json.ts";
import {
  controlChannel,
  deadLettersKey,
  defaultNaming,
  dispatchChannel,
  queueKeys,
  queuesKey,
  resultChannel,
} from "../../../../protocol/redis/keys.ts";
import {
  parseErrors,
  parseRecord,
  parseResultRecord,
  stampMs,
} from "../../../../protocol/wire/record.ts";
import { retryDelayMs } from "../../../../protocol/wire/failure.ts";

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
/** Text that came over the wire: no -0, which JSON has no word for. */
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

  test("does not mind the order of keys, but that of items", () => {
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
  ] as [Json, Json][])("tells %j from %j", (a, b) => {
    expect(sameJson(a, b)).toBe(false);
    expect(sameJson(b, a)).toBe(false);
  });
});

describe("jsonDepth", () => {
  test("agrees with a recursive count, however the text is spaced", () => {
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

describe("keys", () => {
  test("of one queue share its hash tag and differ from each other", () => {
    const { backlogOf, reportsOf, ...named } = queueKeys(
      { keyPrefix: "p", channelPrefix: "" },
      "q",
    );
    const keys = [...Object.values(named), backlogOf("n"), backlogOf("m"), reportsOf("n")];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.every((key) => key.startsWith("p:{q}:"))).toBe(true);
  });

  test("and channels have the original's names unless told otherwise", () => {
    expect(dispatchChannel(defaultNaming, "1")).toBe("CHANNEL_DISPATCH_1");
    expect(resultChannel(defaultNaming)).toBe("CHANNEL_RESULT");
    const naming = { keyPrefix: "p", channelPrefix: "x_" };
    expect(dispatchChannel(naming, "1")).toBe("x_CHANNEL_DISPATCH_1");
    expect(resultChannel(naming)).toBe("x_CHANNEL_RESULT");
    expect(controlChannel(naming)).toMatch(/^x_/);
    expect([queuesKey(naming), deadLettersKey(naming)]).toEqual(["p:queues", "p:dead-letters"]);
  });
});

describe("records", () => {
  test("are read back word by word, the body untouched", () => {
    const record = 'R 1795-2 3 1 1900 n1 - echo\n,"payload":"a\\nb c"}';
    expect(parseRecord(record)).toMatchObject({
      ...{
        state: "running",
        accepted: "1795-2",
        deliveries: 3,
        attemptsUsed: 1,
        deadlineMs: 1_900,
      },
      ...{ node: "n1", target: null, name: "echo", body: ',"payload":"a\\nb c"}' },
    });
    expect(parseResultRecord("failed 5-1 1795-2.3 -\n{}")).toEqual({
      ...{ state: "failed", entry: "5-1", token: "1795-2.3", node: null, text: "{}" },
    });
    expect(stampMs("1795491821696-12")).toBe(1_795_491_821_696);
    expect(parseErrors("")).toEqual([]);
  });

  test.each(["", "X 1-1 0 0 - - - e\n}", "Q 1-1", "queued"])(
    "of another kind are refused: %j",
    (text) => {
      expect(() => parseRecord(text)).toThrow(/same version/);
      expect(() => parseResultRecord(text)).toThrow(/same version/);
    },
  );
});

describe("retryDelayMs", () => {
  const failure = { retryable: true };

  test("ends the job when its attempts are used up or the failure is not retryable", () => {
    expect(retryDelayMs(failure, { attempt: 3 }, 0)).toBeNull();
    expect(retryDelayMs(failure, { attempt: 2 }, 0)).not.toBeNull();
    expect(retryDelayMs({ retryable: false }, { attempt: 1 }, 0)).toBeNull();
    expect(retryDelayMs(failure, { attempt: 1, attempts: 1 }, 0)).toBeNull();
  });

  test("follows each kind of back-off", () => {
    const at = (backoff: Parameters<typeof retryDelayMs>[1]["backoff"], random = 0) =>
      [1, 2, 3, 9].map((attempt) =>
        retryDelayMs(failure, { attempt, attempts: 99, ...(backoff ? { backoff } : {}) }, random),
      );
    expect(at({ kind: "fixed", delayMs: 7 })).toEqual([7, 7, 7, 7]);
    expect(at({ kind: "exponential", delayMs: 100, capMs: 350 })).toEqual([100, 200, 350, 350]);
    expect(at({ kind: "list", delaysMs: [1, 5] })).toEqual([1, 5, 5, 5]);
    expect(at({ kind: "list", delaysMs: [] })).toEqual([0, 0, 0, 0]);
    expect(at({ kind: "fixed", delayMs: 100, jitter: 1 }, 0.5)).toEqual([50, 50, 50, 50]);
    expect(at(undefined)).toEqual([1_000, 2_000, 4_000, 256_000]);
  });

  test("puts what the handler asked for first, within a week", () => {
    expect(retryDelayMs({ retryable: true, retryAfterMs: 42 }, { attempt: 1 }, 0.9)).toBe(42);
    expect(retryDelayMs({ retryable: true, retryAfterMs: 1e12 }, { attempt: 1 }, 0)).toBe(
      604_800_000,
    );
  });
});
