import { describe, expect, test } from "vitest";
import { exactly, itemAt, list, number, text, word } from "../../../../protocol/redis/reply.ts";

const unexpected = expect.objectContaining({ code: "reply_unexpected" }) as Error;

describe("a reply", () => {
  test("of the expected shape is read", () => {
    expect([text("a"), text(5), number("5"), number(5)]).toEqual(["a", "5", 5, 5]);
    expect([word("a"), word("-"), list([])]).toEqual(["a", null, []]);
    expect(itemAt([null, "b"], 0, "an item")).toBeNull();
    expect(exactly(["a", "b"], 2, "items")).toEqual(["a", "b"]);
  });

  test.each<[string, () => unknown]>([
    ["nil for text", () => text(null)],
    ["nothing for text", () => text(undefined)],
    ["an array for text", () => text([])],
    ["text for a number", () => number("many")],
    ["nil for a number", () => number(null)],
    ["text for an array", () => list("a")],
    ["nil for a word", () => word(null)],
    ["a list that is too short", () => itemAt(["a"], 1, "a verdict")],
    ["fewer items than were asked for", () => exactly(["a"], 2, "verdicts")],
    ["more items than were asked for", () => exactly(["a"], 0, "verdicts")],
  ])("of another shape is refused: %s", (_, read) => {
    expect(read).toThrow(unexpected);
    expect(read).toThrow(
      /^expected .* from Redis, got .*; function and subscriber must run the same version/,
    );
  });
});
