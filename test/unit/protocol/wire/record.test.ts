import { describe, expect, test } from "vitest";
import {
  parseErrors,
  parseRecord,
  parseResultRecord,
  stampMs,
} from "../../../../protocol/wire/record.ts";

describe("records", () => {
  test("are read back word by word, the body untouched", () => {
    const record = 'R 1795-2 3 1 1900 n1 - echo\n,"payload":"a\\nb c"}';
    expect(parseRecord(record)).toMatchObject({
      state: "running",
      accepted: "1795-2",
      deliveries: 3,
      attemptsUsed: 1,
      deadlineMs: 1_900,
      node: "n1",
      target: null,
      name: "echo",
      body: ',"payload":"a\\nb c"}',
    });
    expect(parseResultRecord("failed 5-1 1795-2.3 -\n{}")).toEqual({
      state: "failed",
      entry: "5-1",
      token: "1795-2.3",
      node: null,
      text: "{}",
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

  test.each([2, 3, 4])("with a word that is no number are refused: word %i", (at) => {
    const words = "R 1795-2 3 1 1900 n1 - echo".split(" ");
    words[at] = "many";
    expect(() => parseRecord(words.join(" "))).toThrow(/same version/);
  });

  test("skip an error that is not JSON, and keep the others", () => {
    const error = {
      attempt: 1,
      node: "1",
      at: 5,
      error: { code: "x", message: "", retryable: true },
    };
    expect(parseErrors(`{"attempt":2,"error":nonsense}\n${JSON.stringify(error)}`)).toEqual([
      error,
    ]);
  });
});
