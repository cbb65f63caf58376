/** Starts each delivery once, and follows the attempt until its ending is passed on. */
import type { Logger } from "pino";
import { leaseMember, type NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { Envelope } from "../../protocol/wire/messages.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import type { Config } from "../config/config.ts";
import type { AttemptEnded, SubscriberEvents } from "../events.ts";
import type { Guard } from "../guard/guard.ts";
import type { Refusals } from "../intake/refusals.ts";
import type { Assignment } from "../membership/assignment.ts";
import { type Attempt, type Attempts, nameOf } from "./attempts.ts";
import { type DescribedEnding, endingOf, type EndingSink } from "./ending.ts";
import { createJobOutput, type JobOutput } from "./job-output.ts";
import type { Renewer } from "./renewer.ts";
import { type HandlerModule, type Outcome, startAttempt, timeoutOf } from "./runner.ts";

/** See `createExecutor`. */
export interface Executor {
  /**
   * Starts a delivery, unless it is running already, or its node is served elsewhere by now. Never throws.
   * @param endings Takes the ending, unless the attempt loses its lease: `outcome/finisher.ts`. It is given with each
   *   delivery because the finisher itself starts the next jobs.
   */
  start(envelope: Envelope, endings: EndingSink): void;
}

/** What an executor reads of the subscriber. */
export interface ExecutorContext {
  readonly module: HandlerModule;
  readonly assignments: readonly Assignment[];
  readonly attempts: Attempts;
  readonly config: Pick<Config, "maxResultBytes">;
  readonly events: SubscriberEvents;
  readonly guard: Pick<Guard, "indexOf" | "watch">;
  readonly log: Logger;
  readonly nodeLedger: Pick<NodeLedger, "report">;
}

/** Which parts an executor calls. */
export interface ExecutorParts {
  readonly renewer: Renewer;
  readonly refusals: Pick<Refusals, "verify">;
}

/** Creates the executor. */
export function createExecutor(
  context: ExecutorContext,
  { renewer, refusals }: ExecutorParts,
): Executor {
  const { module, attempts, config, events, guard, log, nodeLedger } = context;
  const { verify } = refusals;
  const assignments = new Map(
    context.assignments.map((assignment) => [
      `${assignment.node} ${assignment.queue}`,
      { assignment, index: guard.indexOf(assignment) },
    ]),
  );

  function start(envelope: Envelope, endings: EndingSink): void {
    const served = assignments.get(`${envelope.node} ${envelope.queue}`);
    if (served === undefined) return;
    const { assignment, index } = served;
    if (assignment.phase === "superseded" || assignment.phase === "contested") return;
    const member = leaseMember(envelope);
    if (attempts.has(envelope.queue, member)) return;
    const name = nameOf(envelope);
    events.emit("attempt:started", name);
    const startedAt = performance.now();
    // Before the handler starts: it may hold the event loop from then on.
    const renewAt = renewer.starting(startedAt);
    const endsAt = startedAt + timeoutOf(envelope, module);
    const place = guard.watch(index, member, startedAt, endsAt);
    const output = createJobOutput(envelope, { log, nodeLedger, module });
    const { outcome, abort } = startAttempt(envelope, {
      module,
      log: output.log,
      progress: output.progress,
      onUnresponsive: () => {
        events.emit("attempt:unresponsive", name);
      },
      verify,
    });
    const attempt: Attempt = {
      envelope,
      assignment,
      member,
      abort,
      startedAt,
      place,
      cause: undefined,
      renewAt,
      hasEnded: false,
    };
    attempts.add(attempt);
    renewer.started(attempt);
    void follow(attempt, outcome, output, endings);
  }

  async function follow(
    attempt: Attempt,
    outcome: Promise<Outcome>,
    output: JobOutput,
    endings: EndingSink,
  ): Promise<void> {
    const how = await outcome;
    const { envelope } = attempt;
    attempt.hasEnded = true;
    const endedAt = performance.now();
    renewer.ended(endedAt);
    const durationMs = Math.round((endedAt - attempt.startedAt) * 1000) / 1000;
    const { maxResultBytes } = config;
    const ending = endingOf(envelope, how, { durationMs, maxResultBytes });
    events.emit("attempt:ended", describe(envelope, ending, durationMs));
    if (attempt.cause === "lease_lost") {
      // There is no lease left to end: the ledger would refuse the outcome.
      output.close();
      attempts.remove(envelope.queue, attempt.member);
      return;
    }
    // Flush reports before sending the outcome: anyone who sees the outcome must find all reports. The lease,
    // without which reports are refused, ends with the outcome.
    const reported = output.end();
    if (reported !== undefined) await reported;
    endings.add(ending);
  }

  return { start };
}

/** Once per job: where none failed a literal, so that V8 keeps one hidden class. */
function describe(
  { id, name, queue, node, attempt }: Envelope,
  { state, error, delayMs, stack }: DescribedEnding,
  durationMs: number,
): AttemptEnded {
  if (error === undefined) return { id, name, queue, node, attempt, state, durationMs };
  const { code, message } = error;
  const more = omitUndefined({ delayMs, stack });
  return { id, name, queue, node, attempt, state, durationMs, code, message, ...more };
}
