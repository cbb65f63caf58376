import { describe, test } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import type { NodeLedger, SlotUse } from "../../../../protocol/ledger/nodes.ts";
import type { Finished } from "../../../../protocol/scripts/finish.ts";
import { createAttempts } from "../../../../subscriber/attempt/attempts.ts";
import { createFinisher } from "../../../../subscriber/outcome/finisher.ts";
import type { Delivery } from "../../../../subscriber/outcome/outbox.ts";
import { until } from "../../../support/until.ts";
import { attemptOf, envelopeOf, liveAssignment, recordedEvents } from "../fakes.ts";

const nothing: Finished = { verdicts: [], next: [], waiting: [], entry: null };
const endingOf = (id: string) =>
  ({ id, token: "1-0.1", node: "1", state: "succeeded", text: `{"id":"${id}"}` }) as const;

/** A finisher of the queue `default` whose ledger is `finish`. */
function create(finish: NodeLedger["finish"]) {
  const assignment = liveAssignment();
  const attempts = createAttempts();
  const delivered: Delivery[] = [];
  const started: string[] = [];
  const kept: string[] = [];
  const { events, seen: abandoned } = recordedEvents("outcomes:abandoned");
  const failed: string[] = [];
  const fenced: string[] = [];
  events.on("redis:failed", ({ error }) => failed.push(error.code));
  events.on("attempt:fenced", ({ id }) => fenced.push(id));
  const context = {
    nodeLedger: { finish },
    assignments: [assignment],
    attempts,
    outbox: { add: (delivery: Delivery) => delivered.push(delivery) },
    events,
    stopping: new AbortController(),
  };
  const finisher = createFinisher("default", context, {
    executor: { start: ({ id }) => started.push(id) },
    deadLetters: {
      keepUnreadable: (channel, bytes) => kept.push(`${channel} ${bytes.toString()}`),
    },
  });
  const run = (id: string) => {
    attempts.add(attemptOf(envelopeOf(id)));
  };
  return {
    finisher,
    assignment,
    attempts,
    delivered,
    started,
    kept,
    abandoned,
    failed,
    fenced,
    run,
  };
}

describe("a finisher", () => {
  test("asks again for jobs that wait if its call failed", async ({ expect }) => {
    const asked: (readonly SlotUse[])[] = [];
    const { finisher, assignment } = create((_queue, _endings, { nodes }) => {
      asked.push(nodes);
      return asked.length === 1
        ? Promise.reject(new SignalboxError("redis_unavailable", "away"))
        : Promise.resolve(nothing);
    });
    assignment.waiting = true;
    finisher.fetch();
    await until(() => asked.length === 2, { or: "a second call" });
    const use = [{ node: "1", mode: "take", waiting: true }];
    expect(asked).toEqual([use, use]);
    await until(() => !assignment.waiting, { or: "the hint to be used up" });
  });

  test("does not forget a hint that comes while a call is under way", async ({ expect }) => {
    const asked: boolean[] = [];
    let answer: (finished: Finished) => void = () => undefined;
    const { finisher, assignment } = create((_, endings, { nodes }) => {
      asked.push(nodes.some(({ waiting }) => waiting));
      if (endings.length === 0) return Promise.resolve(nothing);
      return new Promise((resolve) => (answer = resolve));
    });
    finisher.add(endingOf("x"));
    await until(() => asked.length === 1, { or: "the first call" });
    assignment.waiting = true;
    finisher.fetch();
    answer({ ...nothing, verdicts: ["stored"] });
    await until(() => asked.length === 2, { or: "the second call" });
    expect(asked).toEqual([false, true]);
  });

  test("batches the endings of one turn into calls of 1,000 at most", async ({ expect }) => {
    const sizes: number[] = [];
    const { finisher } = create((_, endings) => {
      sizes.push(endings.length);
      return Promise.resolve({ ...nothing, verdicts: endings.map(() => "stored" as const) });
    });
    for (let at = 0; at < 2_500; at++) finisher.add(endingOf(`x${at}`));
    await until(() => sizes.length === 3, { or: "three calls" });
    expect(sizes).toEqual([1_000, 1_000, 500]);
  });

  test("delivers what was stored, tells of what was refused, and starts the next jobs", async ({
    expect,
  }) => {
    const next = [JSON.stringify(envelopeOf("next")), "{"];
    const { finisher, attempts, delivered, started, kept, fenced, run } = create(() =>
      Promise.resolve({
        verdicts: ["stored", "fenced", "repeated"],
        next,
        waiting: [],
        entry: "9-0",
      }),
    );
    for (const id of ["a", "b", "c"]) {
      run(id);
      finisher.add(endingOf(id));
    }
    await until(() => attempts.size === 0, { or: "the verdicts" });
    expect(delivered).toEqual([{ queue: "default", entry: "9-0", texts: ['{"id":"a"}'] }]);
    expect(fenced).toEqual(["b"]);
    expect([started, kept]).toEqual([["next"], ["finish {"]]);
  });

  test.for([
    [
      "shorter than what was asked",
      () => Promise.resolve({ ...nothing, verdicts: ["stored" as const], entry: "9-0" }),
    ],
    [
      "of a shape that cannot be parsed",
      () => Promise.reject(new SignalboxError("reply_unexpected", "expected an array")),
    ],
  ] as const)(
    "gives its endings up to their leases after a reply %s, and says so",
    async ([, finish], { expect }) => {
      let calls = 0;
      const opened = create(() => {
        calls++;
        return finish();
      });
      for (const id of ["a", "b"]) {
        opened.run(id);
        opened.finisher.add(endingOf(id));
      }
      await until(() => opened.abandoned.length > 0, { or: "the event" });
      expect(opened.abandoned).toMatchObject([{ queue: "default", count: 2 }]);
      // Nothing renews them any more, and a drain does not wait for them.
      expect(opened.attempts.size).toBe(0);
      expect([opened.delivered, opened.failed, opened.fenced]).toEqual([[], [], []]);
      await opened.attempts.empty();
      opened.finisher.fetch();
      await until(() => calls === 2, { or: "the next call, and no repetition of the first" });
    },
  );
});
