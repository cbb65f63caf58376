import { describe, expect, test } from "vitest";
import { takenOf } from "../../../../subscriber/outcome/callback.ts";

const batch = [
  { queue: "a", entry: "1-0", texts: ["0", "1", "2"] },
  { queue: "b", entry: "1-0", texts: ["3"] },
];

describe("what an answer says of a batch", () => {
  test.each(['{"recorded":2}', "{}", "", "ok", "null", "[1]", '"refused"', "3"])(
    "%j: all is recorded, as an older function or another program means it",
    (answer) => {
      expect(takenOf(batch, answer)).toEqual({ recorded: 4, refused: [], left: [] });
    },
  );

  test("the results that it names are left, under the entry in which they are by now", () => {
    const answer = {
      recorded: 1,
      refused: [{ queue: "a", entry: "1-0", results: [2], now: "9-1" }],
      left: [{ queue: "b", entry: "1-0", results: [0] }],
    };
    expect(takenOf(batch, JSON.stringify(answer))).toEqual({
      recorded: 2,
      refused: [{ queue: "a", entry: "9-1", texts: ["2"], of: batch[0] }],
      left: [{ queue: "b", entry: "1-0", texts: ["3"], of: batch[1] }],
    });
  });

  test.each([
    { refused: 3 },
    { refused: [3] },
    { left: [{ queue: "c", entry: "1-0", results: [0] }] },
    { left: [{ queue: "a", entry: "2-0", results: [0] }] },
    { refused: [{ queue: "a", entry: "1-0", results: [3] }] },
    { refused: [{ queue: "a", entry: "1-0", results: "0" }] },
  ])("%j is not understood, so that nothing is taken for recorded", (answer) => {
    expect(() => takenOf(batch, JSON.stringify(answer))).toThrow(/must run the same version/);
  });
});
