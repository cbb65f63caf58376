/** Starts what comes in, once; follows each attempt to its outcome; hands that on to be sent. */
import type { Logger } from "pino";
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { JobVerifier } from "../../protocol/signing/job.ts";
import { defaultJobName } from "../../protocol/wire/names.ts";
import { leaseMember, type NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { Attempt, Attempts } from "./attempts.ts";
import { endingOf, type DescribedEnding } from "../outcome/ending.ts";
import type { AttemptName, SubscriberEvents } from "../events.ts";
import { startAttempt, type AbortCause, type HandlerModule, type Outcome } from "./runner.ts";
import type { Assignment } from "../membership/assignment.ts";
import { createJobOutput, createJobLog, type JobOutput } from "./job-log.ts";

/** What an executor is given. */
export interface ExecutorOptions {
  readonly module: HandlerModule;
  readonly assignments: readonly Assignment[];
  readonly attempts: Attempts;
  readonly events: SubscriberEvents;
  readonly log: Logger;
  readonly maxResultBytes: number;
  /** Whether a job may run; everything may if absent. */
  readonly verify?: JobVerifier | undefined;
  readonly ledger: Pick<NodeLedger, "report">;
  /** When a delivery that starts now must first be heard of. */
  readonly firstRenewal: () => number;
  readonly onStarted: (attempt: Attempt) => void;
  readonly onEnded: (queue: string, ending: DescribedEnding) => void;
}

/** Creates the executor. */
export function createExecutor(options: ExecutorOptions) {
  const { module, attempts, events, log, maxResultBytes, ledger, verify } = options;
  const assignments = new Map(
    options.assignments.map((assignment) => [`${assignment.node} ${assignment.queue}`, assignment]),
  );

  async function follow(
    attempt: Attempt,
    startedAt: number,
    outcome: Promise<Outcome>,
    output: JobOutput,
  ): Promise<void> {
    const how = await outcome;
    const { envelope } = attempt;
    attempt.hasEnded = true;
    const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
    const ending = endingOf(envelope, how, { durationMs, maxResultBytes });
    const { state, delayMs, error } = ending;
    events.emit("attempt:ended", {
      ...nameOf(envelope),
      state,
      durationMs,
      ...(error === undefined ? {} : { code: error.code }),
      ...(delayMs === undefined ? {} : { delayMs }),
    });
    if (attempt.cause === "lease_lost") {
      // There is no lease to end any more: the ledger would refuse the outcome.
      output.close();
      attempts.remove(envelope.queue, attempt.member);
      return;
    }
    // Before the outcome: who reads that has everything that was reported, and the lease goes with it.
    const reported = output.end();
    if (reported !== undefined) await reported;
    options.onEnded(envelope.queue, ending);
  }

  const stop = (attempt: Attempt | undefined, cause: AbortCause): void => {
    if (attempt === undefined || attempt.hasEnded) return;
    attempt.cause ??= cause;
    attempt.abort(cause);
  };

  return {
    /** Starts a delivery, unless it is running already or its node is another's by now. */
    accept: (envelope: Envelope): void => {
      const assignment = assignments.get(`${envelope.node} ${envelope.queue}`);
      const member = leaseMember(envelope);
      if (
        assignment === undefined ||
        assignment.phase === "superseded" ||
        assignment.phase === "contested"
      )
        return;
      if (attempts.has(envelope.queue, member)) return;
      const name = nameOf(envelope);
      events.emit("attempt:started", name);
      const startedAt = performance.now();
      const onUnresponsive = () => {
        events.emit("attempt:unresponsive", name);
      };
      const output = createJobOutput(envelope, { log, ledger, module });
      const { outcome, abort } = startAttempt(envelope, {
        module,
        ...output,
        onUnresponsive,
        verify,
      });
      const attempt: Attempt = {
        ...{ envelope, assignment, member, abort },
        cause: undefined,
        renewAt: options.firstRenewal(),
        hasEnded: false,
      };
      attempts.add(attempt);
      options.onStarted(attempt);
      void follow(attempt, startedAt, outcome, output);
    },

    /** Tells the handler to stop: its lease is another's. */
    lose: (attempt: Attempt): void => {
      events.emit("attempt:lost", nameOf(attempt.envelope));
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
      const { outcome: ended } = startAttempt(envelope, {
        module,
        log: createJobLog(log, { id, node }),
        // A bare id is not in the ledger: nobody can watch it.
        progress: () => undefined,
        onUnresponsive: () => undefined,
      });
      const outcome = await ended;
      if (outcome.kind === "failed") log.error({ id, node, ...outcome.failure }, "bare id failed");
      return outcome.kind === "done";
    },
  };
}

/** An attempt as events name it. */
export function nameOf({ id, name, queue, node, attempt }: Envelope): AttemptName {
  return { id, name, queue, node, attempt };
}
