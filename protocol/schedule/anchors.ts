/** When a plan may begin: a schedule that is made outside these bounds never runs. */
import { unreachable } from "../error.ts";
import type { CronClock } from "./cron.ts";
import type { Plan, ScheduleSpec } from "./schedule.ts";
import { dueTime } from "./step.ts";
import { timelineOf } from "./timeline.ts";

/** The first and the last anchor (milliseconds since 1970) with which a schedule has a run; infinite for no bound. */
export interface AnchorBounds {
  readonly firstMs: number;
  /** `-Infinity` if it never runs, whenever it is made. */
  readonly lastMs: number;
}

const always: AnchorBounds = { firstMs: -Infinity, lastMs: Infinity };

/** Between which anchors `spec` has a run to come. */
export function anchorBounds(
  spec: Pick<ScheduleSpec, "id" | "plan">,
  clock: CronClock,
): AnchorBounds {
  const { rule, startMs = -Infinity, endMs = Infinity } = spec.plan;
  switch (rule.kind) {
    case "at":
      return { ...always, lastMs: lastFor(spec, rule.atMs, clock) };
    case "in":
      return { firstMs: startMs - rule.inMs, lastMs: endMs - rule.inMs };
    case "every":
    case "cron":
      return endMs === Infinity ? always : { ...always, lastMs: lastOf(spec.plan, endMs, clock) };
    default:
      return unreachable(rule);
  }
}

/** For a single time: one that has passed is run late, unless the policy drops it. */
function lastFor(
  { id, plan }: Pick<ScheduleSpec, "id" | "plan">,
  atMs: number,
  clock: CronClock,
): number {
  if (timelineOf(plan, 0, clock).after(-Infinity) === null) return -Infinity;
  return plan.missed === "skip" ? dueTime({ id, plan }, atMs) + plan.graceMs : Infinity;
}

/** The last time of a rule that has several. */
function lastOf(plan: Plan, endMs: number, clock: CronClock): number {
  const { rule, startMs = 0 } = plan;
  // Such an interval has its first time at the anchor.
  const isAligned = rule.kind === "every" && rule.aligned === true;
  if (rule.kind === "every" && !isAligned && plan.startMs === undefined) return endMs;
  const [last = -Infinity] = timelineOf(plan, 0, clock).upTo(endMs, startMs - 1, 1);
  return last;
}
