/** Records results: the end of a job's path, reached through the callback or through the tick. */
import type { Maintenance } from "../../protocol/ledger/maintenance.ts";
import type { ResultMessage } from "../../protocol/wire/messages.ts";
import type { OnResult } from "../deps.ts";

/** One outbox entry and the results in it. */
export interface Delivery {
  readonly queue: string;
  readonly entry: string;
  readonly results: readonly ResultMessage[];
}

/** What recording needs. */
export interface DeliverDeps {
  readonly maintenance: Pick<Maintenance, "ack">;
  readonly onResult?: OnResult;
}

/**
 * Takes the deliveries out of the outbox. A delivery whose hook failed stays there and comes again.
 * @returns how many were still in the outbox
 * @throws AggregateError of what the hook threw, once the others are recorded
 */
export async function deliverResults(
  { maintenance, onResult }: DeliverDeps,
  deliveries: readonly Delivery[],
): Promise<number> {
  const entries = new Map<string, string[]>();
  const failures: unknown[] = [];
  for (const { queue, entry, results } of deliveries) {
    try {
      if (onResult !== undefined) for (const result of results) await onResult(result);
      const known = entries.get(queue);
      if (known === undefined) entries.set(queue, [entry]);
      else known.push(entry);
    } catch (error) {
      failures.push(error);
    }
  }
  const recorded = await maintenance.ack(entries);
  if (failures.length > 0) {
    throw new AggregateError(failures, `${failures.length} deliveries could not be recorded`);
  }
  return recorded;
}
