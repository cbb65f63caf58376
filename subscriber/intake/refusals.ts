/** What a subscriber does not run: jobs of queues that it does not serve, and, if it wants signatures, unsigned ones. */
import type { Logger } from "pino";
import { dispatchChannel, type Naming } from "../../protocol/redis/keys.ts";
import type { JobVerifier } from "../../protocol/signing/job.ts";
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { ForeignResults } from "../foreign/foreign-results.ts";
import type { DeadLetters } from "./dead-letters.ts";

/** See `createRefusals`. */
export interface Refusals {
  /** Resolves to `null` if a job may run, or to why not: then its message has been kept. Absent if all jobs may run. */
  readonly verify: JobVerifier | undefined;
  /** Whether a bare id may run: where signatures are wanted it may not, since nobody can sign it, and it is kept. */
  allowsBare(node: string, id: string): boolean;
  /** Gives back a job of a queue that its node does not serve here. Returns immediately; never throws. */
  refuseUnserved(envelope: Envelope): void;
}

/** What is read of the subscriber. */
export interface RefusalsContext {
  readonly naming: Naming;
  readonly verify: JobVerifier | undefined;
  readonly log: Pick<Logger, "warn">;
}

/** Which parts are called. */
export interface RefusalsParts {
  readonly foreign: Pick<ForeignResults, "refuse">;
  readonly deadLetters: DeadLetters;
}

/** Creates them. */
export function createRefusals(
  { naming, verify, log }: RefusalsContext,
  { foreign, deadLetters }: RefusalsParts,
): Refusals {
  function keep(node: string, text: string, reason: string): void {
    deadLetters.keepRefused(dispatchChannel(naming, node), Buffer.from(text), reason);
  }

  async function verifyOrKeep(check: JobVerifier, envelope: Envelope): Promise<string | null> {
    const refusal = await check(envelope);
    if (refusal !== null) keep(envelope.node, textOf(envelope), refusal);
    return refusal;
  }

  async function giveBack(envelope: Envelope): Promise<void> {
    try {
      if (await foreign.refuse(envelope)) return;
      const channel = dispatchChannel(naming, envelope.node);
      const reason = "expected a job of a queue that this node serves";
      deadLetters.keepUnreadable(channel, Buffer.from(textOf(envelope)), reason);
    } catch (error) {
      const message =
        "job of a queue that is not served here could not be given back; its lease will end";
      log.warn({ id: envelope.id, reason: String(error) }, message);
    }
  }

  return {
    verify: verify && ((envelope) => verifyOrKeep(verify, envelope)),
    allowsBare(node, id) {
      if (verify === undefined) return true;
      keep(node, id, "expected a signed job, got a bare id");
      return false;
    },
    refuseUnserved(envelope) {
      void giveBack(envelope);
    },
  };
}

/** Leaves out the payload if it is nested too deeply to be written. */
function textOf(envelope: Envelope): string {
  try {
    return JSON.stringify(envelope);
  } catch {
    const { v, queue, node, token, attempt, id, name } = envelope;
    return JSON.stringify({ v, queue, node, token, attempt, id, name });
  }
}
