/** Reads the state of Redis at the end of a run, or before it. */
import type { Redis } from "ioredis";
import { defaultNaming, queueKeys } from "../../protocol/redis/keys.ts";
import { parseRecord, parseResultRecord, type Stored } from "../../protocol/wire/record.ts";
import { type LedgerState, readState } from "../support/ledger-state.ts";
import { queueNames } from "./stack.ts";

/** A job that has ended, as the ledger keeps it. */
export type Ended = Omit<NonNullable<Stored["ended"]>, "recorded">;

export interface QueueLedger {
  readonly state: LedgerState;
  readonly jobs: ReadonlyMap<string, Stored>;
  readonly ended: ReadonlyMap<string, Ended>;
  readonly outbox: number;
  /** Ids of the failed set, and those with remembered errors. */
  readonly failed: readonly string[];
  readonly errors: readonly string[];
  /** All due items, including those that a check would drop. */
  readonly due: readonly string[];
}

export async function readLedger(direct: Redis, queue: string): Promise<QueueLedger> {
  const keys = queueKeys(defaultNaming, queue);
  const state = await readState(direct, defaultNaming, queue);
  return {
    state,
    jobs: mapOf(state.jobs, parseRecord),
    ended: mapOf(state.results, parseResultRecord),
    outbox: await direct.xlen(keys.outbox),
    failed: await direct.zrange(keys.failed, "0", "-1"),
    errors: await direct.hkeys(keys.errors),
    // `!` marks an ended schedule that waits to be pruned.
    due: (await direct.zrange(keys.due, "0", "-1")).filter((member) => !member.startsWith("!")),
  };
}

function mapOf<T>(
  record: Readonly<Record<string, string>>,
  parse: (text: string) => T,
): ReadonlyMap<string, T> {
  return new Map(Object.entries(record).map(([id, text]) => [id, parse(text)]));
}

/** Counts what is left to do in all queues; every count is 0 when the stack is quiet. */
export async function leftToDo(direct: Redis): Promise<Readonly<Record<string, number>>> {
  const left: Record<string, number> = { leases: 0, unended: 0, outbox: 0, schedules: 0 };
  for (const queue of queueNames) {
    const keys = queueKeys(defaultNaming, queue);
    const jobs = await direct.hlen(keys.jobs);
    const members = await direct.zrange(keys.leases, "0", "-1");
    left["leases"] = (left["leases"] ?? 0) + members.filter((member) => member !== "watch").length;
    left["unended"] = (left["unended"] ?? 0) + jobs - (await direct.hlen(keys.results));
    const due = await direct.zrange(keys.due, "0", "-1");
    left["schedules"] =
      (left["schedules"] ?? 0) + due.filter((member) => member.startsWith("/")).length;
    left["outbox"] = (left["outbox"] ?? 0) + (await direct.xlen(keys.outbox));
  }
  return left;
}
