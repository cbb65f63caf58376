/**
 * What a person can do to a schedule: pause it, resume it, run it now, move its next run. Pure: each function computes
 * the step from the record and the time, or says why there is none.
 */
import { createCronClock } from "./cron.ts";
import { planStep } from "./plan.ts";
import type { Plan, StoredSchedule } from "./schedule.ts";
import { floorOf, isOnce, type Step, unchangedStep } from "./step.ts";
import { timelineOf } from "./timeline.ts";

/**
 * A step to apply; `unchanged` if the schedule is so already; `unfit` if its state does not allow the change; `outside` if
 * the time is before its start or after its end.
 */
export type Decision = Step | "unchanged" | "unfit" | "outside";

/** Stops an active or faulty schedule until it is resumed. */
export function pauseStep(schedule: StoredSchedule): Decision {
  if (schedule.state === "paused") return "unchanged";
  if (schedule.state === "ended") return "unfit";
  return { ...unchangedStep(schedule), state: "paused", nextMs: null, dueMs: null };
}

/** Continues. Times that passed meanwhile are not made up for, except the only time of a schedule that has one. */
export function resumeStep(schedule: StoredSchedule, nowMs: number): Decision {
  if (schedule.state === "active") return "unchanged";
  if (schedule.state === "ended") return "unfit";
  const { plan, movedMs } = schedule;
  const resumed = isOnce(plan)
    ? { ...schedule, nextMs: null }
    : {
        ...schedule,
        catchUp: null,
        coversMs: Math.max(floorOf(schedule), nowMs),
        movedMs: movedMs !== null && movedMs <= nowMs ? null : movedMs,
        nextMs: null,
      };
  return planStep(resumed, nowMs, createCronClock(), 1);
}

/** Makes a run at `nowMs`, whatever else runs; two steps with the same `nonce` make one run. */
export function runNowStep(schedule: StoredSchedule, nowMs: number, nonce: string): Step {
  return {
    ...unchangedStep(schedule),
    runs: [{ at: nowMs, late: false, backfilled: false, nonce }],
  };
}

/** Moves the next run to `atMs`: it replaces the planned time, and all times between the two. */
export function moveStep(schedule: StoredSchedule, atMs: number): Decision {
  const { plan, state, movedMs, anchorMs } = schedule;
  if (state === "ended" || state === "faulty") return "unfit";
  if (movedMs === atMs) return "unchanged";
  if (isOutside(plan, atMs)) return "outside";
  const floor = floorOf(schedule);
  // A run that was moved before has left its planned time: that time is covered already.
  const planned =
    movedMs === null ? timelineOf(plan, anchorMs, createCronClock()).after(floor) : floor;
  if (planned === null) return "unfit";
  const covers = isOnce(plan) ? planned : Math.max(planned, atMs);
  const isPaused = state === "paused";
  return {
    ...unchangedStep(schedule),
    coversMs: Number.isFinite(covers) ? covers : null,
    movedMs: atMs,
    catchUp: null,
    nextMs: isPaused ? null : atMs,
    dueMs: isPaused ? null : atMs,
  };
}

function isOutside({ startMs = -Infinity, endMs = Infinity }: Plan, atMs: number): boolean {
  return atMs < startMs || atMs > endMs;
}
