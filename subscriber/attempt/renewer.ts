/**
 * Renews the leases of all running attempts from one timer. A delivery is first acknowledged a fortieth of its lease
 * after its start, so that short jobs cost no renewal; then its lease is renewed at each third, so that two lost replies
 * still leave a margin.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { Timing } from "../../protocol/ledger/binding.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import { itemAt } from "../connection/item-at.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Attempt, Attempts } from "./attempts.ts";
import { loseAttempt } from "./stop-attempt.ts";

/** Renewals due within this share of the lease are made together. */
const togetherShare = 0.05;
/** How many leases one call renews. */
const maxLeases = 1_000;

/** See `createRenewer`. */
export interface Renewer {
  /** When a delivery that starts now must first be acknowledged, in milliseconds of `performance.now()`. */
  firstRenewal(): number;
  /** Has the attempt's lease renewed from now on; call after the attempt was added to the table. */
  started(attempt: Attempt): void;
  /** Renews no more. */
  stop(): void;
}

/** What a renewer reads of the subscriber. */
export interface RenewerContext {
  readonly nodeLedger: Pick<NodeLedger, "renew">;
  readonly attempts: Attempts;
  readonly timing: Timing;
  readonly events: SubscriberEvents;
}

/** Creates the renewer. An attempt whose lease is gone is told to stop. */
export function createRenewer({ nodeLedger, attempts, timing, events }: RenewerContext): Renewer {
  /** Exists while an attempt runs; fires when the earliest renewal is due. */
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;

  function setTimer(at: number): void {
    clearTimeout(timer);
    timerAt = at;
    if (at === Infinity) return;
    timer = setTimeout(() => void renewDue(), Math.max(0, at - performance.now()));
  }

  async function renewDue(): Promise<void> {
    timerAt = Infinity;
    const now = performance.now();
    const due = attempts
      .list()
      .filter((attempt) => attempt.renewAt <= now + timing.leaseMs * togetherShare);
    const byQueue = Map.groupBy(due, (attempt) => attempt.envelope.queue);
    await Promise.all([...byQueue].map(([queue, some]) => renewIn(queue, some)));
    const next = Math.min(...attempts.list().map((attempt) => attempt.renewAt));
    if (next !== timerAt) setTimer(next);
  }

  async function renewIn(queue: string, due: readonly Attempt[]): Promise<void> {
    // Set before the call: if a renewal is made again meanwhile, it costs nothing but a command.
    for (const attempt of due) attempt.renewAt = performance.now() + timing.leaseMs / 3;
    try {
      for (let from = 0; from < due.length; from += maxLeases) {
        await renewSome(queue, due.slice(from, from + maxLeases));
      }
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      const retryInMs = Math.min(1_000, timing.leaseMs / 10);
      for (const attempt of due) attempt.renewAt = performance.now() + retryInMs;
      events.emit("redis:failed", { during: "renew", error, retryInMs });
    }
  }

  async function renewSome(queue: string, some: readonly Attempt[]): Promise<void> {
    const members = some.map((attempt) => attempt.member);
    for (const index of await nodeLedger.renew(queue, members)) {
      const attempt = itemAt(some, index, "leases to renew");
      if (!attempt.hasEnded) loseAttempt(attempt, events);
    }
  }

  return {
    firstRenewal: () => performance.now() + timing.unacknowledgedMs / 40,
    started(attempt) {
      if (attempt.renewAt < timerAt) setTimer(attempt.renewAt);
    },
    stop() {
      clearTimeout(timer);
    },
  };
}
