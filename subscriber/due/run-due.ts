/** Does what is due in this process's queues, and tells of schedules whose times cannot be worked out. */
import type { OfQueue } from "../../protocol/ledger/binding.ts";
import { type DueDeps, type RanDue, runDue } from "../../protocol/ledger/due.ts";
import type { SubscriberEvents } from "../events.ts";

/** Bounds of one check: about 30 ms of the event loop at most. What is left over is checked again immediately. */
const limits = { schedules: 250, runs: 1_000, evaluations: 500 } as const;

/**
 * Does what is due in `queues`, at most `limit` items in each, and answers for each when more is due. Repeat-safe.
 * @throws SignalboxError if Redis fails
 */
export type RunDue = (
  queues: readonly string[],
  limit: number,
) => Promise<readonly OfQueue<RanDue>[]>;

/** What is read of the subscriber. */
export interface RunDueContext extends Pick<DueDeps, "maintenance" | "schedules"> {
  readonly events: SubscriberEvents;
}

/** Creates it. */
export function createRunDue({ maintenance, schedules, events }: RunDueContext): RunDue {
  return async (queues, limit) => {
    const done = await runDue({ maintenance, schedules }, queues, { ...limits, dueItems: limit });
    for (const { queue, value } of done) {
      for (const { id, error } of value.faulty) {
        events.emit("schedule:faulty", { id, queue, reason: error });
      }
    }
    return done;
  };
}
