/** The clock of the local stack, on simulated time. */
import { describe, it } from "vitest";
import { nextMinute, startClock } from "../../../local/clock.ts";

/** A clock whose time moves only when a test says that a wait is over. */
function fakeTime(startMs: number) {
  let nowMs = startMs;
  const waits: { readonly ms: number; readonly end: () => void }[] = [];
  let arrived = Promise.withResolvers<undefined>();
  return {
    now: () => nowMs,
    wait: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => {
          reject(new Error("aborted"));
        });
        waits.push({ ms, end: resolve });
        arrived.resolve(undefined);
        arrived = Promise.withResolvers();
      }),
    /** Ends the current wait, `lateMs` after it was due (before, if negative). */
    pass: async (lateMs = 0) => {
      if (waits.length === 0) await arrived.promise;
      const wait = waits.shift();
      if (wait === undefined) throw new Error("Nobody waits.");
      nowMs += wait.ms + lateMs;
      const next = arrived.promise;
      wait.end();
      await next;
      return wait.ms;
    },
  };
}

const MINUTE = 60_000;

describe("the clock", () => {
  it("fires at second 0 of every minute", async ({ expect }) => {
    const time = fakeTime(10 * MINUTE + 12_345);
    const fired: number[] = [];
    const clock = startClock({
      ...time,
      report: () => undefined,
      fire: (scheduledMs) => Promise.resolve(void fired.push(scheduledMs)),
    });
    expect(await time.pass()).toBe(MINUTE - 12_345);
    expect(await time.pass(7)).toBe(MINUTE);
    expect(await time.pass()).toBe(MINUTE - 7);
    await clock.stop();
    expect(fired).toEqual([11 * MINUTE, 12 * MINUTE, 13 * MINUTE]);
  });

  it("makes a minute once although its timer fired early", async ({ expect }) => {
    const time = fakeTime(10 * MINUTE);
    const fired: number[] = [];
    const clock = startClock({
      ...time,
      report: () => undefined,
      fire: (scheduledMs) => Promise.resolve(void fired.push(scheduledMs)),
    });
    await time.pass(-3);
    expect(await time.pass()).toBe(MINUTE + 3);
    await clock.stop();
    expect(fired).toEqual([11 * MINUTE, 12 * MINUTE]);
  });

  it("leaves out the minutes that the machine slept through", async ({ expect }) => {
    const time = fakeTime(10 * MINUTE);
    const fired: number[] = [];
    const clock = startClock({
      ...time,
      report: () => undefined,
      fire: (scheduledMs) => Promise.resolve(void fired.push(scheduledMs)),
    });
    await time.pass(30 * MINUTE + 1_000);
    await time.pass();
    await clock.stop();
    expect(fired).toEqual([11 * MINUTE, 42 * MINUTE]);
  });

  it("reports a tick that failed and goes on", async ({ expect }) => {
    const time = fakeTime(10 * MINUTE);
    const reports: string[] = [];
    const clock = startClock({
      ...time,
      report: (line) => reports.push(line),
      fire: () => Promise.reject(new Error("500 exception")),
    });
    await time.pass();
    await time.pass();
    await clock.stop();
    expect(reports).toEqual(["The tick failed: 500 exception", "The tick failed: 500 exception"]);
  });

  it("does not wait for the next minute, nor for a tick under way, to stop", async ({ expect }) => {
    const time = fakeTime(10 * MINUTE);
    const reports: string[] = [];
    const clock = startClock({
      ...time,
      report: (line) => reports.push(line),
      fire: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reject(new Error("aborted"));
          });
        }),
    });
    await time.pass();
    await clock.stop();
    expect(reports).toEqual([]);
  });

  it.for([
    [0, MINUTE],
    [MINUTE - 1, MINUTE],
    [MINUTE, 2 * MINUTE],
  ] as const)("takes the minute after %i to be %i", ([time, next], { expect }) => {
    expect(nextMinute(time)).toBe(next);
  });
});
