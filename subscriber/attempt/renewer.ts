/**
 * Renews the leases of all running attempts from one timer. A delivery is first heard of a fortieth of
 * its lease after its start (so that short jobs cost no renewal), then renewed at a third of the
 * lease, so that two lost replies still leave a margin.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { Timing } from "../../protocol/ledger/binding.ts";
import type { Attempt, Attempts } from "./attempts.ts";
import type { SubscriberEvents } from "../events.ts";

/** Renewals due within this share of the lease are made together. */
const togetherShare = 0.05;

/** What a renewer is given. */
export interface RenewerOptions {
  readonly ledger: NodeLedger;
  readonly attempts: Attempts;
  readonly timing: Timing;
  readonly events: SubscriberEvents;
  readonly onLost: (attempt: Attempt) => void;
}

/** See `createRenewer`. */
export type Renewer = ReturnType<typeof createRenewer>;

/** Creates the renewer. */
export function createRenewer({ ledger, attempts, timing, events, onLost }: RenewerOptions) {
  /** Exists while an attempt runs; fires when the earliest renewal is due. */
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;

  function schedule(): void {
    const next = Math.min(...attempts.list().map((attempt) => attempt.renewAt));
    if (next === timerAt) return;
    clearTimeout(timer);
    timerAt = next;
    if (next === Infinity) return;
    timer = setTimeout(() => void renewDue(), Math.max(0, next - performance.now()));
  }

  async function renewDue(): Promise<void> {
    timerAt = Infinity;
    const now = performance.now();
    const due = attempts
      .list()
      .filter((attempt) => attempt.renewAt <= now + timing.leaseMs * togetherShare);
    const queues = new Set(due.map((attempt) => attempt.envelope.queue));
    await Promise.all(
      [...queues].map((queue) =>
        renewIn(
          queue,
          due.filter((attempt) => attempt.envelope.queue === queue),
        ),
      ),
    );
    schedule();
  }

  async function renewIn(queue: string, due: readonly Attempt[]): Promise<void> {
    // Set before the call: what is renewed again meanwhile costs nothing but a command.
    for (const attempt of due) attempt.renewAt = performance.now() + timing.leaseMs / 3;
    try {
      for (let from = 0; from < due.length; from += 1_000) {
        const some = due.slice(from, from + 1_000);
        const lost = await ledger.renew(
          queue,
          some.map((attempt) => attempt.member),
        );
        for (const position of lost) {
          const attempt = some[position];
          if (attempt !== undefined && !attempt.hasEnded) onLost(attempt);
        }
      }
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      const retryInMs = Math.min(1_000, timing.leaseMs / 10);
      for (const attempt of due) attempt.renewAt = performance.now() + retryInMs;
      events.emit("redis:failed", { during: "renew", error, retryInMs });
    }
  }

  return {
    /** When a delivery that starts now must first be heard of. */
    firstRenewal: (): number => performance.now() + timing.unacknowledgedMs / 40,
    /** Call after an attempt was added. */
    started(attempt: Attempt): void {
      if (attempt.renewAt < timerAt) {
        clearTimeout(timer);
        timerAt = attempt.renewAt;
        timer = setTimeout(() => void renewDue(), Math.max(0, timerAt - performance.now()));
      }
    },
    stop(): void {
      clearTimeout(timer);
    },
  };
}
