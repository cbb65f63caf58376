/** Does what is due in our queues, and tells of schedules that cannot be worked out. */
import type { OfQueue } from "../../protocol/ledger/binding.ts";
import { runDue, type RanDue, type DueDeps } from "../../protocol/ledger/due.ts";
import type { SubscriberEvents } from "../events.ts";

/** One look's share: about 30 ms of the event loop at most. What is left is looked at again at once. */
const limits = { schedules: 250, runs: 1_000, evaluations: 500 } as const;

/** Creates it. `limit` is how many moments one look handles in each queue. */
export function createRunDue({
  maintenance,
  schedules,
  events,
}: Omit<DueDeps, "cron"> & { readonly events: SubscriberEvents }) {
  return async (queues: readonly string[], limit: number): Promise<readonly OfQueue<RanDue>[]> => {
    const done = await runDue({ maintenance, schedules }, queues, { ...limits, dueItems: limit });
    for (const { queue, value } of done) {
      for (const { id, error } of value.faulty) {
        events.emit("schedule:faulty", { id, queue, reason: error });
      }
    }
    return done;
  };
}
