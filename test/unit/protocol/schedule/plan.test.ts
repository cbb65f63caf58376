import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCronClock } from "../../../../protocol/schedule/cron.ts";
import { planStep } from "../../../../protocol/schedule/plan.ts";
import { type Clockwork, defaultPlan, type Plan } from "../../../../protocol/schedule/schedule.ts";
import type { Step } from "../../../../protocol/schedule/step.ts";
import { jitterOf, timelineOf } from "../../../../protocol/schedule/timeline.ts";

const start = Date.UTC(2027, 2, 27, 20);

function clockwork(plan: Partial<Plan> & Pick<Plan, "rule">): Clockwork {
  return {
    id: "s",
    state: "active",
    version: "n.1",
    anchorMs: start,
    coversMs: null,
    movedMs: null,
    nextMs: null,
    made: 0,
    lastRun: null,
    overlap: "allow",
    source: "http",
    createdMs: start,
    updatedMs: start,
    waiting: [],
    plan: { ...defaultPlan, ...plan },
  };
}

/** The record after the script has applied a step and nothing overlaps. */
function applied(before: Clockwork, step: Step): Clockwork {
  const { state, coversMs, movedMs, nextMs } = step;
  return { ...before, state, coversMs, movedMs, nextMs, made: before.made + step.runs.length };
}

const rule = fc.oneof(
  fc
    .integer({ min: 20_000, max: 1_000_000 })
    .map((everyMs) => ({ kind: "every" as const, everyMs })),
  fc.constantFrom("*/7 * * * *", "30 2 * * *", "0 */3 * * *", "*/20 * * * * *").map((cron) => ({
    kind: "cron" as const,
    cron,
    timeZone: "Europe/Berlin",
  })),
);
const gaps = fc.array(fc.integer({ min: 0, max: 600_000 }), { minLength: 1, maxLength: 6 });

describe("steps planned at any times", () => {
  test("with missed: all, make every time once and in order, whatever the room", () => {
    fc.assert(
      fc.property(
        rule,
        gaps,
        fc.integer({ min: 1, max: 50 }),
        fc.nat(3_000),
        (kind, waits, room, jitterMs) => {
          const plan = { rule: kind, missed: "all" as const, maxMissed: 1_000, jitterMs };
          let schedule = clockwork(plan);
          const clock = createCronClock();
          const made: number[] = [];
          let now = start;
          for (const wait of waits) {
            now += wait;
            for (let steps = 0; steps < 300; steps++) {
              const step = planStep(schedule, now, clock, room);
              expect(step.runs.length).toBeLessThanOrEqual(room);
              made.push(...step.runs.map(({ at }) => at));
              schedule = applied(schedule, step);
              if (step.dueMs === null || step.dueMs > now) break;
            }
          }
          const wanted: number[] = [];
          const times = timelineOf({ rule: kind }, start, clock);
          for (
            let at = times.after(start - 1);
            at !== null && wanted.length < made.length;
            at = times.after(at)
          )
            wanted.push(at);
          expect(made).toEqual(wanted);
          // No time that was due is left.
          const next = times.after(made.at(-1) ?? start - 1) ?? Infinity;
          expect(next + jitterOf("s", next, jitterMs)).toBeGreaterThan(now);
        },
      ),
      { numRuns: 150, seed: 11 },
    );
  });

  test("with missed: latest, make the newest time of each step and no other", () => {
    fc.assert(
      fc.property(rule, gaps, (kind, waits) => {
        let schedule = clockwork({ rule: kind });
        const clock = createCronClock();
        const times = timelineOf({ rule: kind }, start, clock);
        let now = start;
        for (const wait of waits) {
          const before = schedule.coversMs ?? start - 1;
          now += wait;
          const step = planStep(schedule, now, clock, 10);
          const [newest] = times.upTo(now, before, 1);
          expect(step.runs.map(({ at }) => at)).toEqual(newest === undefined ? [] : [newest]);
          expect(step.dueMs).toBe(times.after(newest ?? before));
          schedule = applied(schedule, step);
        }
      }),
      { numRuns: 300, seed: 12 },
    );
  });
});

describe("a grid", () => {
  const times = (plan: Pick<Plan, "rule" | "startMs" | "endMs">) =>
    timelineOf(plan, start, createCronClock());

  test("is computed from its base, however far away", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 1e9 }),
        fc.integer({ min: start, max: start + 1e12 }),
        (everyMs, ms) => {
          const every = times({ rule: { kind: "every", everyMs } });
          const next = every.after(ms) ?? 0;
          expect((next - start) % everyMs).toBe(0);
          expect(next - ms).toBeGreaterThan(0);
          expect(next - ms).toBeLessThanOrEqual(everyMs);
          expect(every.upTo(ms, start - 1, 2)[0]).toBe(next - everyMs);
        },
      ),
    );
  });

  test("begins at the anchor, at its start, or aligned", () => {
    const everyMs = 3_600_000;
    const startMs = start + 90_000;
    expect(times({ rule: { kind: "every", everyMs } }).after(0)).toBe(start);
    expect(times({ rule: { kind: "every", everyMs }, startMs }).after(0)).toBe(startMs);
    const aligned = { kind: "every", everyMs, aligned: true } as const;
    expect(times({ rule: aligned, startMs }).after(0)).toBe(start + everyMs);
    expect(times({ rule: aligned, endMs: start }).after(start)).toBeNull();
  });
});

test("jitter is the same for the same time, within its bound, and spread out", () => {
  const offs = Array.from({ length: 1_000 }, (_, at) => jitterOf("s", start + at * 60_000, 999));
  expect(offs).toEqual(offs.map((_, at) => jitterOf("s", start + at * 60_000, 999)));
  expect(Math.min(...offs)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...offs)).toBeLessThanOrEqual(999);
  expect(new Set(offs).size).toBeGreaterThan(500);
  expect(jitterOf("s", start, 0)).toBe(0);
});

test("an expression that cannot be parsed makes the schedule faulty", () => {
  const broken = clockwork({ rule: { kind: "cron", cron: "x", timeZone: "UTC" } });
  const step = planStep(broken, start, createCronClock(), 1);
  expect(step).toMatchObject({ state: "faulty", runs: [], dueMs: null, error: /five or six/ });
});
