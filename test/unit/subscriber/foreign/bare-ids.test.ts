import { pino } from "pino";
import { describe, test } from "vitest";
import { defaultNaming } from "../../../../protocol/redis/keys.ts";
import type { Handler } from "../../../../subscriber/attempt/runner.ts";
import { createBareIds } from "../../../../subscriber/foreign/bare-ids.ts";
import { recordedEvents } from "../fakes.ts";

/** Bare ids of node `1`, which runs them by `echo`. */
function create(slots: number, echo: Handler, publishBare = () => Promise.resolve()) {
  const kept: string[] = [];
  const { events, seen: ended } = recordedEvents("bare:ended");
  const context = {
    naming: defaultNaming,
    module: { handlers: { echo }, catalog: undefined },
    heard: [
      { node: "1", queue: "default", slots: 1 },
      { node: "1", queue: "other", slots },
    ],
    events,
    log: pino({ level: "silent" }),
  };
  const bareIds = createBareIds(context, {
    foreign: { publishBare },
    deadLetters: { keepUnreadable: (_channel, bytes) => kept.push(bytes.toString()) },
  });
  return { bareIds, kept, ended };
}

describe("bare ids that arrive faster than they are run", () => {
  test("wait, ten thousand of them, and no more", ({ expect }) => {
    const { bareIds, kept } = create(1, () => new Promise(() => undefined));
    for (let at = 0; at <= 10_001; at++) bareIds.add("1", String(at));
    expect(kept).toEqual(["10001"]);
  });

  test("run concurrently up to the most slots of their node, and are idle at the end", async ({
    expect,
  }) => {
    let running = 0;
    let most = 0;
    const { bareIds, ended } = create(3, async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    });
    await bareIds.idle();
    for (let at = 0; at < 10; at++) bareIds.add("1", String(at));
    await bareIds.idle();
    expect(most).toBe(3);
    expect(ended.map(({ ok }) => ok)).toEqual(Array.from({ length: 10 }, () => true));
  });
});

describe("a bare id", () => {
  test("whose outcome cannot be published is kept, and counts as failed", async ({ expect }) => {
    const { bareIds, kept, ended } = create(
      1,
      () => null,
      () => Promise.reject(new Error("away")),
    );
    bareIds.add("1", "42");
    await bareIds.idle();
    expect([kept, ended]).toEqual([["42"], [{ id: "42", node: "1", ok: false }]]);
  });

  test("for a node that is not heard here is not run", async ({ expect }) => {
    const { bareIds, kept, ended } = create(1, () => null);
    bareIds.add("2", "42");
    await bareIds.idle();
    expect([kept, ended]).toEqual([[], []]);
  });
});
