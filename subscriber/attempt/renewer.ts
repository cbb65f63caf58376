/**
 * Renews the leases of all running attempts from one timer. A delivery is first acknowledged a fortieth of its lease
 * after its start, so that short jobs cost no renewal; then its lease is renewed at each third, so that two lost replies
 * still leave a margin.
 *
 * While attempts run the timer is also the event loop's sign of life: the guard takes over where it is overdue, and a
 * timer that fires late says for how long the loop was blocked.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { Timing } from "../../protocol/ledger/binding.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import { itemAt } from "../../protocol/redis/reply.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Guard } from "../guard/guard.ts";
import { beatMs, reportMarginMs } from "../guard/timing.ts";
import { type Attempt, type Attempts, nameOf } from "./attempts.ts";
import { loseAttempt } from "./stop-attempt.ts";

/** Renewals due within this share of the lease are made together. */
const togetherShare = 0.05;
/** How many leases one call renews. */
const maxLeases = 1_000;
/** How many attempts `loop:blocked` names. */
const maxNamed = 20;
/** Timers fire early by up to a millisecond. */
const slackMs = 1;

/** See `createRenewer`. */
export interface Renewer {
  /**
   * Call it before an attempt starts, now, at `startedAt`. Answers when its delivery must first be acknowledged, and has
   * that done. Both in milliseconds of `performance.now()`.
   */
  starting(startedAt: number): number;
  /** Call it when the attempt has started and is in the table: reports a handler that held the event loop meanwhile. */
  started(attempt: Attempt): void;
  /**
   * Call it when an attempt has ended, now, before it leaves the table: what it held up is reported while it is known.
   * The timer can be too late for that, since Redis's answer is read first.
   */
  ended(now: number): void;
  /** Renews no more. */
  stop(): void;
}

/** What a renewer reads of the subscriber. */
export interface RenewerContext {
  readonly nodeLedger: Pick<NodeLedger, "renew">;
  readonly attempts: Attempts;
  readonly guard: Pick<Guard, "beat">;
  readonly timing: Timing;
  readonly events: SubscriberEvents;
}

/** Creates the renewer. An attempt whose lease is gone is told to stop. */
export function createRenewer(context: RenewerContext): Renewer {
  const { nodeLedger, attempts, guard, timing, events } = context;
  const intervalMs = beatMs(timing);
  const toleratedMs = reportMarginMs(timing);
  /** Exists while an attempt runs; fires when the earliest renewal or the next sign of life is due. */
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;
  /** When the earliest renewal is due. */
  let renewalAt = Infinity;
  /** When the event loop was last seen to run. */
  let aliveAt = -Infinity;

  function setTimer(now: number): void {
    clearTimeout(timer);
    timerAt = renewalAt === Infinity ? Infinity : Math.min(renewalAt, now + intervalMs);
    guard.beat(timerAt);
    if (timerAt === Infinity) return;
    timer = setTimeout(onTimer, Math.max(0, timerAt - now));
  }

  function onTimer(): void {
    const now = performance.now();
    notice(now);
    aliveAt = now;
    if (now < renewalAt - slackMs) setTimer(now);
    else renewDue(now);
  }

  /** Reports that the timer is late, unless that was reported already; then `aliveAt` is later than the timer. */
  function notice(now: number): void {
    if (now - Math.max(timerAt, aliveAt) <= toleratedMs) return;
    const dueAt = timerAt;
    const some = attempts.list().filter(({ startedAt }) => startedAt <= dueAt);
    if (some.length > 0) report(now - aliveAt, some);
    aliveAt = now;
  }

  function report(ms: number, some: readonly Attempt[]): void {
    events.emit("loop:blocked", {
      code: "event_loop_blocked",
      ms: Math.round(ms),
      attempts: some.slice(0, maxNamed).map(({ envelope }) => nameOf(envelope)),
    });
  }

  function renewDue(now: number): void {
    const all = attempts.list();
    const due = all.filter((attempt) => attempt.renewAt <= now + timing.leaseMs * togetherShare);
    // Set before the calls: if a renewal is made again meanwhile, it costs nothing but a command.
    for (const attempt of due) attempt.renewAt = now + timing.leaseMs / 3;
    renewalAt = Math.min(...all.map((attempt) => attempt.renewAt));
    setTimer(now);
    const byQueue = Map.groupBy(due, (attempt) => attempt.envelope.queue);
    for (const [queue, some] of byQueue) void renewIn(queue, some);
  }

  async function renewIn(queue: string, due: readonly Attempt[]): Promise<void> {
    try {
      for (let from = 0; from < due.length; from += maxLeases) {
        await renewSome(queue, due.slice(from, from + maxLeases));
      }
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      const retryInMs = Math.min(1_000, timing.leaseMs / 10);
      const now = performance.now();
      for (const attempt of due) attempt.renewAt = now + retryInMs;
      renewBy(now + retryInMs, now);
      events.emit("redis:failed", { during: "renew", error, retryInMs });
    }
  }

  async function renewSome(queue: string, some: readonly Attempt[]): Promise<void> {
    const members = some.map((attempt) => attempt.member);
    for (const index of await nodeLedger.renew(queue, members)) {
      const attempt = itemAt(some, index, "a lease to renew");
      if (!attempt.hasEnded) loseAttempt(attempt, events);
    }
  }

  /** Has the timer fire at `at`, unless it fires earlier. */
  function renewBy(at: number, now: number): void {
    if (at >= renewalAt) return;
    renewalAt = at;
    if (at < timerAt) setTimer(now);
  }

  return {
    starting(startedAt) {
      const renewAt = startedAt + intervalMs;
      if (timerAt === Infinity) aliveAt = startedAt;
      renewBy(renewAt, startedAt);
      return renewAt;
    },
    started(attempt) {
      const now = performance.now();
      if (now - attempt.startedAt <= toleratedMs) return;
      aliveAt = now;
      report(now - attempt.startedAt, [attempt]);
    },
    ended: notice,
    stop() {
      clearTimeout(timer);
      renewalAt = -Infinity; // nothing is due before that, so no timer is set again
      guard.beat(Infinity);
    },
  };
}
