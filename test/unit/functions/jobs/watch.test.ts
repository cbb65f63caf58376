import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEventId, encodeEventId } from "../../../../functions/jobs/event-id.ts";
import { createSignals } from "../../../../functions/jobs/signals.ts";
import { createWatch, type WatchEvent } from "../../../../functions/jobs/watch.ts";
import { jobStates } from "../../../../protocol/wire/job.ts";
import type { Stored } from "../../../../protocol/wire/record.ts";
import type { StoredReport } from "../../../../protocol/wire/report.ts";

const name = { id: "7", queue: "default" };
const accepted = "1700000000000-0";

function job(more: Partial<Stored> = {}): Stored {
  return {
    state: "running",
    accepted,
    deliveries: 1,
    attemptsUsed: 0,
    deadlineMs: null,
    node: "1",
    target: null,
    name: "echo",
    body: "}",
    errors: [],
    ...more,
  };
}

function done(more: Partial<Stored> = {}): Stored {
  const text = JSON.stringify({
    v: 1,
    id: "7",
    name: "echo",
    queue: "default",
    node: "1",
    token: `${accepted}.1`,
    attempt: 1,
    state: "succeeded",
    result: 42,
  });
  return job({
    state: "succeeded",
    ended: {
      state: "succeeded",
      entry: "1700000009000-0",
      token: `${accepted}.1`,
      node: "1",
      text,
      recorded: false,
    },
    ...more,
  });
}

function report(second: number, more: Partial<StoredReport> = {}): StoredReport {
  return {
    entry: `17000000${10 + second}000-0`,
    attempt: 1,
    node: "1",
    token: `${accepted}.1`,
    ...more,
  };
}

const line = (message: string) => ({ level: "info" as const, message });
const brief = (events: readonly WatchEvent[]) =>
  events.map(({ event, data }) => {
    const { state, message, dropped, progress }: Record<string, unknown> = { ...data };
    return [event, state ?? message ?? dropped ?? progress];
  });

describe("a watch", () => {
  test("tells the state, what was reported, and the end", () => {
    const watch = createWatch(name, job(), null);
    const one = report(1, {
      progress: 0.5,
      moved: true,
      lines: [line("a"), line("b")],
      dropped: 3,
    });
    expect(brief(watch.found(job(), [one]))).toEqual([
      ["state", "running"],
      ["progress", 0.5],
      ["log", "a"],
      ["log", "b"],
      ["log", 3],
    ]);
    expect(watch.from).toBe(`(${one.entry}`);
    const two = report(2, { progress: 0.5, lines: [line("c")] });
    expect(brief(watch.reported([two]))).toEqual([["log", "c"]]);
    const last = report(3, { progress: 1, moved: true });
    const end = watch.found(done(), [last]);
    expect(brief(end)).toEqual([
      ["progress", 1],
      ["state", "succeeded"],
      ["result", "succeeded"],
    ]);
    expect(end.at(-1)?.data).toMatchObject({ id: "7", result: 42, recorded: false });
    expect(watch.isOver).toBe(true);
  });

  test("says of each report which attempt made it, and when", () => {
    const watch = createWatch(name, job(), null);
    const [, event] = watch.found(job(), [report(1, { lines: [line("a")] })]);
    expect(event).toMatchObject({
      event: "log",
      data: { attempt: 1, node: "1", at: "2023-11-14T22:13:31.000Z", level: "info", message: "a" },
    });
  });

  test("tells that the job runs where its first report is the first sign of it", () => {
    const queued = job({ state: "queued", deliveries: 1, attemptsUsed: 1, node: null });
    const watch = createWatch(name, queued, null);
    watch.found(queued, []);
    const more = {
      attempt: 2,
      node: "2",
      token: `${accepted}.2`,
      progress: 0,
      moved: true as const,
    };
    const [state, progress] = watch.reported([report(2, more)]);
    expect(state).toMatchObject({
      event: "state",
      data: { state: "running", node: "2", retries: 1, deliveries: 2 },
    });
    expect(progress?.event).toBe("progress");
    expect(watch.reported([report(3, { ...more, progress: 1 })]).map(({ event }) => event)).toEqual(
      ["progress"],
    );
  });

  test("never tells that an older attempt runs, and nothing of an older job of this id", () => {
    const now = job({ deliveries: 2, node: "2" });
    const watch = createWatch(name, now, null);
    const old = report(0, { token: "1600000000000-0.1", progress: 9, moved: true });
    const first = report(1, { progress: 0.5, moved: true });
    expect(brief(watch.found(now, [old, first]))).toEqual([
      ["state", "running"],
      ["progress", 0.5],
    ]);
  });

  test("of a job that ended long ago tells the progress that its first report repeats", () => {
    const watch = createWatch(name, done(), null);
    expect(brief(watch.found(done(), [report(1, { progress: 0.9, lines: [line("z")] })]))).toEqual([
      ["progress", 0.9],
      ["log", "z"],
      ["state", "succeeded"],
      ["result", "succeeded"],
    ]);
  });

  test("starts from the beginning if the event id belongs to an earlier run of this job id", () => {
    const first = createWatch(name, done(), null).found(done(), []).at(-1)?.id ?? "";
    const again = job({ accepted: "1700000005000-0" });
    const watch = createWatch(name, again, decodeEventId(first));
    expect(watch.isOver).toBe(false);
    expect(brief(watch.found(again, []))).toEqual([["state", "running"]]);
  });

  test("cut off after any event goes on with the next, without loss or repetition", () => {
    const content = fc.record(
      {
        lines: fc.array(fc.string().map(line), { minLength: 1, maxLength: 3 }),
        dropped: fc.integer({ min: 1, max: 9 }),
      },
      { requiredKeys: [] },
    );
    const anyReport = fc.record({ content, hasMoved: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(anyReport, { maxLength: 6 }),
        fc.array(fc.nat({ max: 30 }), { maxLength: 5 }),
        (made, cuts) => {
          let progress = 0;
          const reports = made.map(({ content, hasMoved }, at) => {
            if (hasMoved) return report(at, { ...content, progress: ++progress, moved: true });
            return report(at, progress === 0 ? content : { ...content, progress });
          });
          const whole = createWatch(name, done(), null).found(done(), reports);
          const heard: WatchEvent[] = [];
          for (const cut of [...cuts, Infinity]) {
            const last = heard.at(-1);
            const watch = createWatch(name, done(), last ? decodeEventId(last.id) : null);
            if (watch.isOver) break;
            const { from } = watch;
            const left = reports.filter(({ entry }) =>
              from.startsWith("(") ? entry > from.slice(1) : entry >= from,
            );
            heard.push(...watch.found(done(), left).slice(0, cut));
          }
          expect(heard).toEqual(whole);
        },
      ),
    );
  });
});

describe("a position", () => {
  test("reads back as it was written", () => {
    for (const state of jobStates) {
      const position = { entry: "17-3", count: 2, accepted: "12-0", deliveries: 4, state };
      for (const hasEnded of [true, false]) {
        expect(decodeEventId(encodeEventId({ ...position, hasEnded }))).toEqual({
          ...position,
          hasEnded,
        });
      }
    }
  });

  test("of another kind is refused", () => {
    for (const id of ["1", "17-3_2_12-0.4_resting", "17-3_2_12-0.4_queued_end ", "(_0_0"]) {
      expect(() => decodeEventId(id)).toThrow("Last-Event-ID");
    }
  });
});

describe("signals", () => {
  test("give what was put before and meanwhile, each once", async () => {
    const { put, take } = createSignals<"a" | "b">();
    put("a");
    put("a");
    put("b");
    expect([...(await take())]).toEqual(["a", "b"]);
    const later = take();
    put("b");
    expect([...(await later)]).toEqual(["b"]);
  });
});
