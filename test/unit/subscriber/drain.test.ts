import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { createAttempts } from "../../../subscriber/attempt/attempts.ts";
import { createDrain } from "../../../subscriber/drain.ts";
import { attemptOf, envelopeOf } from "./fakes.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A subscriber that runs one job, and what its drain does to it, in order. */
function create() {
  const done: string[] = [];
  const attempts = createAttempts();
  const attempt = attemptOf(envelopeOf("x"), { abort: (cause) => done.push(`abort ${cause}`) });
  attempts.add(attempt);
  const step = (name: string) => () => {
    done.push(name);
    return Promise.resolve();
  };
  const stopping = new AbortController();
  stopping.signal.addEventListener("abort", () => done.push("no more tries"));
  const context = {
    config: { drainMs: 60_000 },
    attempts,
    outbox: { flush: (withinMs: number) => step(`flush within ${withinMs}`)() },
    stopping,
  };
  const drain = createDrain(context, {
    leaver: { leave: (what) => step(what)() },
    listener: { settled: step("settled"), silence: step("silence") },
    bareIds: { idle: () => Promise.resolve() },
    stoppedInOrder: [{ stop: () => done.push("first") }, { stop: () => done.push("second") }],
  });
  return {
    drain,
    done,
    endJob: () => {
      attempts.remove("default", attempt.member);
    },
  };
}

const closing = ["silence", "gone", "no more tries", "first", "second"];

describe("a drain", () => {
  test("waits for what runs, delivers, leaves and closes, in this order", async ({ expect }) => {
    const { drain, done, endJob } = create();
    const stopped = drain.stop();
    expect(drain.stop()).toBe(stopped);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(done).toEqual(["draining", "settled"]);
    endJob();
    expect(await stopped).toBe("drained");
    expect(done).toEqual(["draining", "settled", "flush within 10000", ...closing]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("gives back what still runs when its time is up", async ({ expect }) => {
    const { drain, done, endJob } = create();
    const stopped = drain.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(done).toEqual(["draining", "settled", "abort shutdown"]);
    endJob();
    expect(await stopped).toBe("aborted");
    expect(done.slice(3)).toEqual(["flush within 2000", ...closing]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("gives back what still runs when it is told to", async ({ expect }) => {
    const { drain, done, endJob } = create();
    const stopped = drain.stop();
    await vi.advanceTimersByTimeAsync(1);
    drain.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(done).toContain("abort shutdown");
    endJob();
    expect(await stopped).toBe("aborted");
  });

  test("does not wait endlessly for an outcome that cannot be sent", async ({ expect }) => {
    const { drain } = create();
    const stopped = drain.stop();
    drain.abort();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await stopped).toBe("aborted");
  });
});
