/** Starts what comes in, once; follows each attempt to its outcome; hands that on to be sent. */
import type { Logger } from "pino";
import type { Envelope } from "../protocol/codec.ts";
import { defaultJobName } from "../protocol/names.ts";
import { leaseMember } from "../protocol/node-ledger.ts";
import type { Attempt, Attempts } from "./attempts.ts";
import { endingOf, type DescribedEnding } from "./ending.ts";
import type { AttemptName, SubscriberEvents } from "./events.ts";
import { runAttempt, type AbortCause, type HandlerModule } from "./runner.ts";
import type { Seat } from "./seat.ts";

/** What an executor is given. */
export interface ExecutorOptions {
  readonly module: HandlerModule;
  readonly seats: readonly Seat[];
  readonly attempts: Attempts;
  readonly events: SubscriberEvents;
  readonly log: Logger;
  readonly maxResultBytes: number;
  /** When a delivery that starts now must first be heard of. */
  readonly firstRenewal: () => number;
  readonly onStarted: (attempt: Attempt) => void;
  readonly onEnded: (queue: string, ending: DescribedEnding) => void;
}

/** Creates the executor. */
export function createExecutor(options: ExecutorOptions) {
  const { module, attempts, events, log, maxResultBytes } = options;
  const seats = new Map(options.seats.map((seat) => [`${seat.node} ${seat.queue}`, seat]));

  async function run(attempt: Attempt): Promise<void> {
    const { envelope, controller } = attempt;
    const name = nameOf(attempt);
    const startedAt = performance.now();
    events.emit("attempt:started", name);
    const outcome = await runAttempt(envelope, {
      module,
      controller,
      log: log.child(name),
      onDeaf: () => {
        events.emit("attempt:deaf", name);
      },
    });
    attempt.hasEnded = true;
    const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
    const ending = endingOf(envelope, outcome, { durationMs, maxResultBytes });
    const { state, delayMs, error } = ending;
    events.emit("attempt:ended", {
      ...name,
      state,
      durationMs,
      ...(error === undefined ? {} : { code: error.code }),
      ...(delayMs === undefined ? {} : { delayMs }),
    });
    if (controller.signal.reason === ("lease_lost" satisfies AbortCause)) {
      // There is no lease to end any more: the ledger would refuse the outcome.
      attempts.remove(envelope.queue, attempt.member);
    } else options.onEnded(envelope.queue, ending);
  }

  const stop = (attempt: Attempt | undefined, cause: AbortCause): void => {
    attempt?.controller.abort(cause);
  };

  return {
    /** Starts a delivery, unless it is running already or its node is another's by now. */
    accept: (envelope: Envelope): void => {
      const seat = seats.get(`${envelope.node} ${envelope.queue}`);
      if (seat === undefined || seat.phase === "superseded" || attempts.has(envelope)) return;
      const attempt: Attempt = {
        envelope,
        seat,
        member: leaseMember(envelope),
        controller: new AbortController(),
        renewAt: options.firstRenewal(),
        hasEnded: false,
      };
      attempts.add(attempt);
      options.onStarted(attempt);
      void run(attempt);
    },

    /** Tells the handler to stop: its lease is another's. */
    lose: (attempt: Attempt): void => {
      events.emit("attempt:lost", nameOf(attempt));
      stop(attempt, "lease_lost");
    },

    /** Tells the handler to stop: the job was cancelled. */
    cancel: (queue: string, member: string): void => {
      stop(attempts.find(queue, member), "cancelled");
    },

    /** Tells all handlers to stop; their jobs are given back. */
    abortAll: (): void => {
      for (const attempt of attempts.list()) stop(attempt, "shutdown");
    },

    /** Runs the default handler for a bare id; resolves to whether it succeeded. */
    runBare: async (node: string, id: string): Promise<boolean> => {
      const name = defaultJobName;
      const envelope: Envelope = { v: 1, queue: "", node, token: "", attempt: 1, id, name };
      const outcome = await runAttempt(envelope, {
        module,
        controller: new AbortController(),
        log: log.child({ id, node }),
        onDeaf: () => undefined,
      });
      if (outcome.kind === "failed") log.error({ id, node, ...outcome.failure }, "bare id failed");
      return outcome.kind === "done";
    },
  };
}

/** An attempt as events name it. */
export function nameOf({ envelope }: Attempt): AttemptName {
  const { id, name, queue, node, attempt } = envelope;
  return { id, name, queue, node, attempt };
}
