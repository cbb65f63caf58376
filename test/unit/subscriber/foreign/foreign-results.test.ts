import { describe, test } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import { defaultNaming } from "../../../../protocol/redis/keys.ts";
import type { Finished } from "../../../../protocol/scripts/finish.ts";
import { createForeignResults } from "../../../../subscriber/foreign/foreign-results.ts";
import { envelopeOf } from "../fakes.ts";

const away = () => Promise.reject(new SignalboxError("redis_unavailable", "away"));

/** Records which bare ids are looked for in the ledger: those that are not known as published here. */
function create({
  publish = () => Promise.resolve([1]),
  verdicts = [],
}: {
  publish?: () => Promise<number[]>;
  verdicts?: Finished["verdicts"];
} = {}) {
  const looked: string[] = [];
  const context = {
    naming: defaultNaming,
    redis: { send: publish },
    jobLedger: {
      read: (_queue: string, id: string) => {
        looked.push(id);
        return Promise.resolve(null);
      },
      nodes: (queues: readonly string[]) =>
        Promise.resolve(queues.map((queue) => ({ queue, value: [] }))),
    },
    nodeLedger: {
      finish: () => Promise.resolve({ verdicts, next: [], waiting: [], entry: null }),
    },
    outbox: { add: () => undefined },
  };
  const deadLetters = { keepUnreadable: () => undefined };
  return { foreign: createForeignResults(context, { deadLetters }), looked };
}

describe("a bare id on the result channel", () => {
  test("was published here as often as this process has published it", async ({ expect }) => {
    const { foreign, looked } = create();
    await foreign.publishBare("42");
    await foreign.publishBare("42");
    for (let time = 0; time < 3; time++) await foreign.receive("42");
    expect(looked).toEqual(["42"]);
  });

  test("was published here if it is heard before Redis has answered", async ({ expect }) => {
    const { foreign, looked } = create({ publish: () => new Promise(() => undefined) });
    void foreign.publishBare("42");
    await foreign.receive("42");
    expect(looked).toEqual([]);
  });

  test("was not published here if publishing failed", async ({ expect }) => {
    const { foreign, looked } = create({ publish: away });
    await expect(foreign.publishBare("42")).rejects.toMatchObject({ code: "redis_unavailable" });
    await foreign.receive("42");
    expect(looked).toEqual(["42"]);
  });

  test("was not published here if this process has subscribed again since: its own was missed", async ({
    expect,
  }) => {
    const { foreign, looked } = create();
    await foreign.publishBare("42");
    foreign.subscribed();
    await foreign.receive("42");
    expect(looked).toEqual(["42"]);
  });
});

describe("a job that comes to a node which does not serve its queue", () => {
  test.for([
    ["stored", true],
    ["repeated", true],
    ["fenced", false],
  ] as const)(
    "is given back unless there is no such attempt: %s",
    async ([verdict, isGiven], { expect }) => {
      const { foreign } = create({ verdicts: [verdict] });
      expect(await foreign.refuse(envelopeOf("x"))).toBe(isGiven);
    },
  );

  test("is not taken as given back by a reply without a verdict", async ({ expect }) => {
    const refused = create().foreign.refuse(envelopeOf("x"));
    await expect(refused).rejects.toMatchObject({ code: "reply_unexpected" });
  });
});
