import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { SignalboxError } from "../../../../protocol/error.ts";
import { createAttempts } from "../../../../subscriber/attempt/attempts.ts";
import { createRenewer } from "../../../../subscriber/attempt/renewer.ts";
import type { LoopBlocked } from "../../../../subscriber/events.ts";
import { attemptOf, envelopeOf, recordedEvents } from "../fakes.ts";

/** For how long the event loop has been held: time that passes while no timer can fire. */
let heldMs: number;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  heldMs = 0;
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + heldMs);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const timing = { unacknowledgedMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 };

/** Starts one attempt; records when it is renewed, in milliseconds from its start, and why it is aborted. */
function start(renew: () => Promise<readonly number[]>) {
  const beganAt = performance.now();
  const renewedAt: number[] = [];
  const aborted: string[] = [];
  const attempts = createAttempts();
  const { events, seen: failed } = recordedEvents("redis:failed");
  const nodeLedger = {
    renew: () => {
      renewedAt.push(Math.round(performance.now() - beganAt));
      return renew();
    },
  };
  const beats: number[] = [];
  const blocked: LoopBlocked[] = [];
  events.on("loop:blocked", (fields) => blocked.push(fields));
  const guard = { beat: (at: number) => beats.push(at - beganAt) };
  const renewer = createRenewer({ nodeLedger, attempts, timing, events, guard });
  /** Starts another attempt, whose handler holds the event loop for `holdsMs`. */
  const startOne = (id: string, holdsMs = 0) => {
    const startedAt = performance.now();
    const renewAt = renewer.starting(startedAt);
    heldMs += holdsMs;
    const attempt = attemptOf(envelopeOf(id), {
      abort: (cause) => aborted.push(cause),
      startedAt,
      renewAt,
    });
    attempts.add(attempt);
    renewer.started(attempt);
    return attempt;
  };
  startOne("x");
  return { renewedAt, aborted, failed, beats, blocked, attempts, renewer, startOne };
}

describe("a lease", () => {
  test("is first renewed after a quarter of a second, then each third of it", async ({
    expect,
  }) => {
    const { renewedAt } = start(() => Promise.resolve([]));
    await vi.advanceTimersByTimeAsync(249);
    expect(renewedAt).toEqual([]);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(renewedAt).toEqual([250, 10_250, 20_250]);
  });

  test("whose renewal failed is renewed a second later", async ({ expect }) => {
    const away = new SignalboxError("redis_unavailable", "away");
    const { renewedAt } = start(() => Promise.reject(away));
    await vi.advanceTimersByTimeAsync(2_500);
    expect(renewedAt).toEqual([250, 1_250, 2_250]);
  });

  test("that is lost stops its attempt", async ({ expect }) => {
    const { aborted } = start(() => Promise.resolve([0]));
    await vi.advanceTimersByTimeAsync(250);
    expect(aborted).toEqual(["lease_lost"]);
  });

  test("that the reply names and nobody renewed is a reply of another version", async ({
    expect,
  }) => {
    const { aborted, failed } = start(() => Promise.resolve([1]));
    await vi.advanceTimersByTimeAsync(250);
    expect(aborted).toEqual([]);
    expect(failed).toMatchObject([{ during: "renew", error: { code: "reply_unexpected" } }]);
  });
});

describe("the sign of life", () => {
  test("is awaited while attempts run, a fortieth of the first lease apart", async ({ expect }) => {
    const { beats, attempts } = start(() => Promise.resolve([]));
    expect(beats).toEqual([250]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(beats).toEqual([250, 500, 750, 1_000, 1_250]);
    attempts.remove("default", "x 1-0.1 1");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(beats.at(-1)).toBe(Infinity);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("goes on while Redis does not answer", async ({ expect }) => {
    const { beats } = start(() => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(beats.at(-1)).toBe(5_250);
  });

  test("is awaited no more once the renewer has stopped", async ({ expect }) => {
    const { beats, renewer } = start(() =>
      Promise.reject(new SignalboxError("redis_unavailable", "away")),
    );
    vi.advanceTimersByTime(250); // the renewal fails after the stop
    renewer.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(beats.at(-1)).toBe(Infinity);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("that is late tells for how long the event loop was blocked, and what ran", async ({
    expect,
  }) => {
    const { blocked, startOne } = start(() => Promise.resolve([]));
    await vi.advanceTimersByTimeAsync(1_100);
    startOne("y");
    heldMs += 4_000;
    startOne("from the same turn");
    await vi.advanceTimersByTimeAsync(250);
    expect(blocked).toMatchObject([
      { code: "event_loop_blocked", ms: 4_250, attempts: [{ id: "x" }, { id: "y" }] },
    ]);
  });

  test("is missed at the end of an attempt, before it is forgotten", async ({ expect }) => {
    const { blocked, attempts, renewer } = start(() => Promise.resolve([]));
    heldMs += 5_000;
    renewer.ended(performance.now());
    attempts.remove("default", "x 1-0.1 1");
    await vi.advanceTimersByTimeAsync(250);
    expect(blocked).toMatchObject([{ ms: 5_000, attempts: [{ id: "x" }] }]);
  });

  test("that is late where nothing runs is nothing to report", async ({ expect }) => {
    const { blocked, attempts } = start(() => Promise.resolve([]));
    attempts.remove("default", "x 1-0.1 1");
    heldMs += 5_000;
    await vi.advanceTimersByTimeAsync(250);
    expect(blocked).toEqual([]);
  });

  test("that is late by less than leases stand is not reported", async ({ expect }) => {
    const { blocked } = start(() => Promise.resolve([]));
    heldMs += 2_400;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(blocked).toEqual([]);
  });

  test("tells which attempt it was that held the event loop from its start", async ({ expect }) => {
    const { blocked, startOne } = start(() => Promise.resolve([]));
    startOne("spins", 3_000);
    startOne("spins too", 13_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(blocked.map(({ ms, attempts }) => [ms, attempts.map(({ id }) => id)])).toEqual([
      [3_000, ["spins"]],
      [13_000, ["spins too"]],
    ]);
  });

  test("names twenty attempts at most", async ({ expect }) => {
    const { blocked, startOne } = start(() => Promise.resolve([]));
    for (let index = 0; index < 30; index++) startOne(`more${index}`);
    heldMs += 10_000;
    await vi.advanceTimersByTimeAsync(250);
    expect(blocked[0]?.attempts).toHaveLength(20);
  });
});
