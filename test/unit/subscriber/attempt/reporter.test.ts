import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  maxProgressBytes,
  maxReportBytes,
  maxReportLines,
  type ReportLine,
} from "../../../../protocol/wire/report.ts";
import { createReporter, type ReportContent } from "../../../../subscriber/attempt/reporter.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start(answers: (boolean | Error)[] = []) {
  const sent: ReportContent[] = [];
  const onUnfit = vi.fn();
  const reporter = createReporter({
    send: (content) => {
      sent.push(content);
      const answer = answers.shift() ?? true;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    onUnfit,
  });
  return { reporter, sent, onUnfit };
}

describe("a reporter", () => {
  test("of a handler that says nothing sends nothing", async () => {
    const { reporter, sent } = start();
    expect(reporter.end()).toBeUndefined();
    await vi.runAllTimersAsync();
    expect(sent).toEqual([]);
  });

  test("of a short attempt sends one report, at its end", async () => {
    const { reporter, sent } = start();
    reporter.line("info", { a: 1 }, "one");
    reporter.progress(0.5);
    reporter.line("warn", {}, "two");
    await reporter.end();
    const lines = [
      { level: "info", message: "one", fields: { a: 1 } },
      { level: "warn", message: "two" },
    ];
    expect(sent).toEqual([{ progress: 0.5, moved: true, lines }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("called 10,000 times a second sends one report a second: the latest progress, the first lines, a count", async () => {
    const { reporter, sent } = start();
    for (let second = 0; second < 10; second++) {
      for (let ms = 0; ms < 1_000; ms++) {
        for (let call = 0; call < 10; call++) {
          reporter.progress({ at: second * 10_000 + ms * 10 + call });
          reporter.line("info", { second, ms, call }, "again");
        }
        await vi.advanceTimersByTimeAsync(1);
      }
    }
    expect(sent.length).toBe(10);
    await reporter.end();
    expect(sent.at(-1)).toMatchObject({ progress: { at: 99_999 }, moved: true });
    let count = 0;
    for (const { lines = [], dropped = 0 } of sent) {
      expect(lines.length).toBeLessThanOrEqual(maxReportLines);
      count += lines.length + dropped;
    }
    expect(count).toBe(100_000);
  });

  test("keeps each report small, whatever is logged", async () => {
    const { reporter, sent } = start();
    reporter.line("info", { large: "é".repeat(600) }, "m".repeat(501));
    for (let at = 0; at < 30; at++) reporter.line("info", { text: "x".repeat(900) }, "é");
    await reporter.end();
    const lines = sent[0]?.lines ?? [];
    expect(lines[0]).toEqual({ level: "info", message: "m".repeat(500), cut: true });
    const size = lines.reduce(
      (sum: number, line: ReportLine) => sum + JSON.stringify(line).length,
      0,
    );
    expect(size).toBeLessThanOrEqual(maxReportBytes);
    expect(lines.length + (sent[0]?.dropped ?? 0)).toBe(31);
  });

  test("keeps the value as it was at the call", async () => {
    const { reporter, sent } = start();
    const value = { done: 1 };
    reporter.progress(value);
    value.done = 2;
    await reporter.end();
    expect(sent[0]?.progress).toEqual({ done: 1 });
  });

  test("leaves out a progress that is too large or not JSON, and says so once", () => {
    const { reporter, sent, onUnfit } = start();
    reporter.progress("x".repeat(maxProgressBytes));
    reporter.progress(1n);
    reporter.progress(undefined);
    expect(reporter.end()).toBeUndefined();
    expect(sent).toEqual([]);
    expect(onUnfit).toHaveBeenCalledTimes(1);
  });

  test("repeats the progress with later lines, and says that it has not moved", async () => {
    const { reporter, sent } = start();
    reporter.progress(0.5);
    await vi.advanceTimersByTimeAsync(200);
    reporter.line("info", {}, "later");
    await reporter.end();
    const lines = [{ level: "info", message: "later" }];
    expect(sent).toEqual([
      { progress: 0.5, moved: true },
      { progress: 0.5, lines },
    ]);
  });

  test("counts the lines of a report that could not be sent, and sends the progress again", async () => {
    const { reporter, sent } = start([new Error("no Redis")]);
    reporter.progress(0.5);
    reporter.line("info", {}, "lost");
    await vi.advanceTimersByTimeAsync(200);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent[1]).toEqual({ progress: 0.5, moved: true, dropped: 1 });
  });

  test("stops when the lease is lost", async () => {
    const { reporter, sent } = start([false]);
    reporter.progress(0.1);
    await vi.advanceTimersByTimeAsync(200);
    reporter.progress(0.2);
    expect(reporter.end()).toBeUndefined();
    await vi.runAllTimersAsync();
    expect(sent).toHaveLength(1);
  });

  test("at the end waits for the report that is under way, and sends the rest after it", async () => {
    const order: string[] = [];
    const first = Promise.withResolvers<boolean>();
    const reporter = createReporter({
      send: ({ progress }) => {
        order.push(`sent ${JSON.stringify(progress)}`);
        return order.length === 1 ? first.promise : Promise.resolve(true);
      },
      onUnfit: () => undefined,
    });
    reporter.progress(1);
    await vi.advanceTimersByTimeAsync(200);
    reporter.progress(2);
    const ended = reporter.end();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(order).toEqual(["sent 1"]);
    first.resolve(true);
    await ended;
    expect(order).toEqual(["sent 1", "sent 2"]);
  });
});
