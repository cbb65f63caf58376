/** Everything that is known at the end of a run, before it is judged. */
import type { Audit } from "./audit.ts";
import type { Again } from "./explain.ts";
import type { QueueLedger } from "./ledger.ts";
import type { Asked } from "./load.ts";
import type { Run } from "./run-log.ts";
import type { PutSchedules } from "./schedules.ts";

export interface Evidence {
  readonly asked: readonly Asked[];
  readonly ledgers: ReadonlyMap<string, QueueLedger>;
  readonly audit: Audit;
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  readonly again: readonly Again[];
  /** `<queue> <id> <acceptance>` → tokens, as the observer received them. */
  readonly heard: ReadonlyMap<string, readonly string[]>;
  /** The answers of `GET /v1/jobs/:id`. */
  readonly views: ReadonlyMap<string, { readonly state?: string; readonly recorded?: boolean }>;
  /** What was left to do; empty if the stack became quiet in time. */
  readonly unrest: readonly string[];
  /** Crashes, unhandled errors, and unexpected answers. */
  readonly problems: readonly string[];
  readonly schedules: PutSchedules;
  readonly deadLetters: number;
  readonly garbage: number;
  /** When each process began to drain or was killed, in milliseconds since 1970. */
  readonly drainedAt: ReadonlyMap<number, number>;
  readonly killedAt: ReadonlyMap<number, number>;
  /** How long the run took, in milliseconds. */
  readonly lastedMs: number;
  /** Whether the process of a run was disturbed shortly before the run started. */
  readonly isTroubled: (run: Run) => boolean;
}

/** A job that was accepted, by whichever request. */
export interface Accepted {
  readonly id: string;
  readonly queue: string;
  readonly asked: Asked;
}

/** Accepted jobs by `<queue> <id>`; several requests may have led to the same job. */
export function acceptedOf({ asked }: Evidence): ReadonlyMap<string, Accepted> {
  const found = new Map<string, Accepted>();
  const orders = new Map(asked.map((each) => [`${each.order.queue} ${each.order.id}`, each]));
  for (const each of asked) {
    if (each.accepted === undefined) continue;
    const { queue } = each.order;
    const key = `${queue} ${each.accepted.id}`;
    found.set(key, { id: each.accepted.id, queue, asked: orders.get(key) ?? each });
  }
  return found;
}
