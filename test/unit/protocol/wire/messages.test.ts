import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeControl,
  decodeDispatch,
  decodeResults,
  decodeResultTexts,
} from "../../../../protocol/wire/messages.ts";

const envelope = {
  v: 1,
  queue: "q",
  node: "n",
  token: "1-0.1",
  attempt: 1,
  id: "x",
  name: "echo",
};
const result = { v: 1, id: "x", name: "e", queue: "q", node: "n", token: "t", state: "succeeded" };
const text = (value: unknown) => JSON.stringify(value);

/** JSON values of any shape whose members look like a message's. */
const likely = fc.oneof(
  fc.json(),
  fc.string(),
  fc.string({ unit: "binary" }),
  fc
    .dictionary(
      fc.constantFrom("v", "queue", "node", "token", "attempt", "id", "name", "state", "joined"),
      fc.oneof(fc.constantFrom(1, "1", "x", null, true), fc.jsonValue()),
    )
    .map(text),
  fc.array(fc.constantFrom(envelope, result, { v: 1 }, 5, null, [])).map(text),
);

describe("decodeDispatch", () => {
  test.each(["1", "99", "a.b_c:d@e~f+g=h-i", "x".repeat(128)])("reads the bare id %s", (id) => {
    expect(decodeDispatch(id)).toEqual({ kind: "bare", id });
  });

  test("reads one envelope and several", () => {
    expect(decodeDispatch(text(envelope))).toEqual({ kind: "jobs", envelopes: [envelope] });
    const two = [envelope, { ...envelope, id: "y", payload: { a: [1] } }];
    expect(decodeDispatch(text(two))).toEqual({ kind: "jobs", envelopes: two });
  });

  test("reads what the ledger says about a node", () => {
    const say = (more: object) => decodeDispatch(text({ v: 1, queue: "q", ...more }));
    expect(say({ joined: "17" })).toEqual({ kind: "joined", queue: "q", epoch: "17" });
    expect(say({ waiting: true })).toEqual({ kind: "waiting", queue: "q" });
    expect(say({ rejoin: true })).toEqual({ kind: "rejoin", queue: "q" });
  });

  test.each([
    "",
    " ",
    "x".repeat(129),
    "a b",
    "{",
    "[]",
    "null ",
    '"a"',
    "[1]",
    "[[]]",
    "ü",
    text({ ...envelope, v: 2 }),
    text({ ...envelope, v: "1" }),
    text([envelope, { v: 2 }]),
    text({ ...envelope, token: 5 }),
    text({ ...envelope, attempt: "1" }),
    text(result),
    ...[null, 5, {}, { id: "s" }, { id: 5, at: 1 }, { id: "s", at: "1" }].map((schedule) =>
      text({ ...envelope, schedule }),
    ),
    text({ v: 1, queue: "q", joined: 17 }),
    text({ v: 1, queue: 5, waiting: true }),
  ])("calls %j unreadable and says what was expected", (message) => {
    const read = decodeDispatch(message);
    expect(read.kind === "unreadable" && read.reason).toMatch(/^expected /);
  });
});

describe("decodeResults", () => {
  test("tells results, echoes and bare ids apart", () => {
    expect(decodeResults(text(result))).toEqual({ kind: "results", results: [result] });
    expect(decodeResults(text([result]))).toEqual({ kind: "results", results: [result] });
    expect(decodeResults(text(envelope))).toEqual({ kind: "echo", envelopes: [envelope] });
    expect(decodeResults("7")).toEqual({ kind: "bare", id: "7" });
    expect(decodeResults(text([result, envelope])).kind).toBe("unreadable");
  });

  test("reads the ledger's own texts, and null for others", () => {
    expect(decodeResultTexts(text([result, result]))).toEqual([result, result]);
    expect(decodeResultTexts("7")).toBeNull();
    expect(decodeResultTexts("{")).toBeNull();
  });
});

describe("decodeControl", () => {
  test("reads cancellations and due times", () => {
    const say = (more: object) => decodeControl(text({ v: 1, queue: "q", ...more }));
    expect(say({ cancel: "m" })).toEqual({ kind: "cancel", queue: "q", member: "m" });
    expect(say({ dueInMs: 5 })).toEqual({ kind: "due", queue: "q", inMs: 5 });
    expect(say({ leaseInMs: 6 })).toEqual({ kind: "lease", queue: "q", inMs: 6 });
    expect(say({}).kind).toBe("unreadable");
    expect(say({ dueInMs: "5" }).kind).toBe("unreadable");
    expect(decodeControl("bare").kind).toBe("unreadable");
  });
});

describe("no reader", () => {
  test("throws, whatever comes", () => {
    fc.assert(
      fc.property(likely, (message) => {
        for (const read of [decodeDispatch, decodeResults, decodeControl]) {
          expect(typeof read(message).kind).toBe("string");
        }
        decodeResultTexts(message);
      }),
      { numRuns: 2_000 },
    );
  });

  test("throws on nesting that would exhaust a recursive one", () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    expect(decodeDispatch(deep).kind).toBe("unreadable");
    expect(decodeDispatch(text(envelope).replace("}", `,"payload":${deep}}`)).kind).toBe("jobs");
  });
});
