import { describe, expect, test } from "vitest";
import {
  defaultPlan,
  encodeContent,
  parseClockwork,
  parseSchedule,
  type Plan,
  type Template,
} from "../../../../protocol/schedule/schedule.ts";

const plan: Plan = { ...defaultPlan, rule: { kind: "every", everyMs: 60_000 }, count: 3 };
const job: Template = { name: "echo", node: "7", attempts: 2, ttlMs: 500, payload: { a: [1] } };
const head = "P n.4 1000 2000 - 3000 1 s@2000 queue declared 900 950 2500:n,2600:l";
const record = `${head}\n${encodeContent({ plan, job })}\nno\ngood`;

/** The record with one word of its head replaced. */
const changed = (at: number, word: string) =>
  record.replace(
    head,
    head
      .split(" ")
      .map((each, index) => (index === at ? word : each))
      .join(" "),
  );

describe("the record of a schedule", () => {
  test("is read back word by word", () => {
    expect(parseSchedule("s", record)).toEqual({
      id: "s",
      state: "paused",
      version: "n.4",
      anchorMs: 1_000,
      coversMs: 2_000,
      movedMs: null,
      nextMs: 3_000,
      made: 1,
      lastRun: "s@2000",
      overlap: "queue",
      source: "declared",
      createdMs: 900,
      updatedMs: 950,
      waiting: [2_500, 2_600],
      plan,
      job,
      error: "no good",
    });
  });

  test("is read from its first lines where a list leaves out the rest", () => {
    const lines = record.split("\n");
    expect(parseSchedule("s", lines.slice(0, 3).join("\n"))).toMatchObject({
      job: { name: "echo", node: "7", ttlMs: 500 },
      error: null,
    });
    expect(parseClockwork("s", lines.slice(0, 2).join("\n"))).toMatchObject({ made: 1, plan });
  });

  test.each([
    ["nothing", ""],
    ["a head alone", head],
    ["too few words", record.replace(" 900 950", "")],
    ["too many words", record.replace(" 900", " 900 900")],
    ["a state that is not known", changed(0, "X")],
    ["an anchor that is no number", changed(2, "soon")],
    ["a next time that is no number", changed(5, "soon")],
    ["an overlap that is no policy", changed(8, "never")],
    ["a source that is none", changed(9, "somebody")],
    ["a waiting run that is no time", changed(12, "soon:n")],
    ["a plan that is not JSON", record.replace("{", "(")],
  ])("is refused with %s", (_, text) => {
    expect(() => parseClockwork("s", text)).toThrow(
      expect.objectContaining({ code: "reply_unexpected" }) as Error,
    );
  });

  test("is refused without the line of its job", () => {
    const two = record.split("\n").slice(0, 2).join("\n");
    expect(() => parseSchedule("s", two)).toThrow(/^expected the record of a schedule/);
  });
});
