import { describe, test } from "vitest";
import { createBareRunner } from "../../../../subscriber/foreign/bare-ids.ts";
import { createEvents } from "../../../../subscriber/events.ts";

describe("bare ids that come faster than they are run", () => {
  test("wait, ten thousand of them, and no more", ({ expect }) => {
    const refused: string[] = [];
    const runner = createBareRunner({
      ...{ slots: 1, node: "1", events: createEvents(() => undefined) },
      run: () => new Promise(() => undefined),
      publish: () => Promise.resolve(),
      refuse: (id) => refused.push(id),
    });
    for (let at = 0; at <= 10_001; at++) runner.add(String(at));
    expect(refused).toEqual(["10001"]);
  });
});
