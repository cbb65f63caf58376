/**
 * How a subscriber stops: leaves its nodes, lets running jobs end, gives back those that take too long, delivers the
 * results, then closes everything.
 */
import type { Attempts } from "./attempt/attempts.ts";
import { stopAttempt } from "./attempt/stop-attempt.ts";
import type { Config } from "./config/config.ts";
import type { Listener } from "./connection/listener.ts";
import { sleep } from "./connection/sleep.ts";
import type { BareIds } from "./foreign/bare-ids.ts";
import type { Leaver } from "./membership/leaver.ts";
import type { Outbox } from "./outcome/outbox.ts";

/** How long handlers that were aborted, and the ledger's answers for them, are waited for, in milliseconds. */
const abortMs = 5_000;
/** How long the callback may take to accept the last results: after a full drain, and after an abort. */
const flushMs = { drained: 10_000, aborted: 2_000 } as const;

/** `drained`: everything ended in time. `aborted`: handlers were told to stop, and their jobs were given back. */
export type DrainResult = "drained" | "aborted";

/** See `createDrain`. */
export interface Drain {
  /**
   * Begins to drain and resolves when the subscriber has stopped. Never rejects: where Redis cannot be
   * told, the leases end there by themselves. Every call answers the same promise.
   */
  readonly stop: () => Promise<DrainResult>;
  /** Stops waiting for running jobs. Called before `stop`, it makes that drain wait for none. */
  readonly abort: () => void;
}

/** What a drain reads of the subscriber. */
export interface DrainContext {
  readonly config: Pick<Config, "drainMs">;
  readonly attempts: Pick<Attempts, "empty" | "list">;
  readonly outbox: Pick<Outbox, "flush">;
  readonly stopping: AbortController;
}

/** Which parts a drain calls. */
export interface DrainParts {
  readonly leaver: Leaver;
  readonly listener: Pick<Listener, "settled" | "silence">;
  readonly bareIds: Pick<BareIds, "idle">;
  /** Closed at the end, in this order, when nothing can come and nothing is left to send. */
  readonly stoppedInOrder: readonly { stop(): void }[];
}

/** Creates the drain of one subscriber. */
export function createDrain(context: DrainContext, parts: DrainParts): Drain {
  const { config, attempts, outbox, stopping } = context;
  const { leaver, listener, bareIds, stoppedInOrder } = parts;
  const aborted = Promise.withResolvers<"aborted">();
  let stopped: Promise<DrainResult> | undefined;

  async function run(): Promise<DrainResult> {
    await leaver.leave("draining");
    // Jobs that the ledger sent before it knew are still this process's to run.
    await listener.settled();
    const result = await waitForJobs();
    if (result === "aborted") await giveBack();
    await outbox.flush(flushMs[result]);
    // In this order: a node that listens but is not known to the ledger is taken for a foreign one.
    await listener.silence();
    await leaver.leave("gone");
    stopping.abort();
    for (const part of stoppedInOrder) part.stop();
    return result;
  }

  async function waitForJobs(): Promise<DrainResult> {
    const idle = Promise.all([attempts.empty(), bareIds.idle()]).then(() => "drained" as const);
    const patience = new AbortController();
    const outOfTime = sleep(config.drainMs, patience.signal).then(() => "aborted" as const);
    const result = await Promise.race([idle, outOfTime, aborted.promise]);
    patience.abort();
    return result;
  }

  async function giveBack(): Promise<void> {
    for (const attempt of attempts.list()) stopAttempt(attempt, "shutdown");
    const patience = new AbortController();
    await Promise.race([attempts.empty(), sleep(abortMs, patience.signal)]);
    patience.abort();
  }

  return {
    stop: () => (stopped ??= run()),
    abort: () => {
      aborted.resolve("aborted");
    },
  };
}
