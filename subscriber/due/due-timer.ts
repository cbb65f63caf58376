/**
 * Does what is due, without polling: leases that end, delayed jobs, retries, deadlines, schedules. One timer for the whole
 * process, set by what each check answers and by the control channel. With nothing to come there is no timer, and an idle
 * subscriber sends nothing.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { OfQueue, Timing } from "../../protocol/ledger/binding.ts";
import type { Maintenance } from "../../protocol/ledger/maintenance.ts";
import type { SubscriberEvents } from "../events.ts";
import type { RunDue } from "./run-due.ts";

/** How many due items one check handles in each queue. */
const limit = 500;
/** Timers fire early by up to a millisecond, and a check that comes too early is made twice. */
const slackMs = 2;
/** The longest wait that `setTimeout` takes. */
const longestMs = 2_147_483_647;

/** `due`: delayed jobs, retries, deadlines, schedules. `lease`: the ends of leases. */
export type DueKind = "due" | "lease";

/** See `createDueTimer`. */
export interface DueTimer {
  /** Has a queue checked in `inMs` milliseconds, unless that is planned already. Queues that are not served are ignored. */
  check(kind: DueKind, queue: string, inMs: number): void;
  /** Has all queues checked immediately: for what became due while this process could not be told. */
  checkAll(): void;
  /** Checks no more. */
  stop(): void;
}

/** What is read of the subscriber. */
export interface DueTimerContext {
  readonly maintenance: Pick<Maintenance, "recover">;
  /** Those of this process; other queues are for their own subscribers. */
  readonly queues: readonly string[];
  readonly timing: Timing;
  readonly events: SubscriberEvents;
}

/** Which parts are called. */
export interface DueTimerParts {
  readonly runDue: RunDue;
}

/** What a check answers for each queue: when the next one is due. */
type NextDue = readonly OfQueue<{ readonly nextInMs: number | null }>[];

/** Creates the timer. A check that fails is made again within a second. */
export function createDueTimer(context: DueTimerContext, { runDue }: DueTimerParts): DueTimer {
  const { maintenance, queues, timing, events } = context;
  /** When each queue must next be checked, in milliseconds of `performance.now()`. */
  const dueTimes = { due: new Map<string, number>(), lease: new Map<string, number>() };
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;

  function schedule(): void {
    clearTimeout(timer);
    const next = Math.min(...dueTimes.due.values(), ...dueTimes.lease.values());
    if (isRunning || next === Infinity) return;
    const inMs = Math.max(0, next - performance.now());
    timer = setTimeout(() => void run(), Math.min(longestMs, inMs + slackMs));
  }

  async function run(): Promise<void> {
    isRunning = true;
    await Promise.all([
      runKind("lease", (some) => maintenance.recover(some, limit)),
      runKind("due", (some) => runDue(some, limit)),
    ]);
    isRunning = false;
    schedule();
  }

  async function runKind(
    kind: DueKind,
    doDue: (queues: readonly string[]) => Promise<NextDue>,
  ): Promise<void> {
    const now = performance.now();
    const due = [...dueTimes[kind]].filter(([, at]) => at <= now).map(([queue]) => queue);
    if (due.length === 0) return;
    for (const queue of due) dueTimes[kind].delete(queue);
    try {
      for (const { queue, value } of await doDue(due)) {
        if (value.nextInMs !== null) setDue(kind, queue, value.nextInMs);
      }
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      const retryInMs = Math.min(1_000, timing.unacknowledgedMs);
      events.emit("redis:failed", { during: "check of what is due", error, retryInMs });
      for (const queue of due) setDue(kind, queue, retryInMs);
    }
  }

  /** Answers whether it is sooner than what was planned. */
  function setDue(kind: DueKind, queue: string, inMs: number): boolean {
    const at = performance.now() + inMs;
    const isSooner = at < (dueTimes[kind].get(queue) ?? Infinity);
    if (isSooner) dueTimes[kind].set(queue, at);
    return isSooner;
  }

  return {
    check(kind, queue, inMs) {
      if (queues.includes(queue) && setDue(kind, queue, inMs)) schedule();
    },
    checkAll() {
      for (const queue of queues) {
        setDue("due", queue, 0);
        setDue("lease", queue, 0);
      }
      schedule();
    },
    stop() {
      clearTimeout(timer);
      dueTimes.due.clear();
      dueTimes.lease.clear();
    },
  };
}
