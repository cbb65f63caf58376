/** What a subscriber does not run: jobs of queues that it does not serve, and what is not signed where that is asked for. */
import type { Logger } from "pino";
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { JobVerifier } from "../../protocol/signing/job.ts";
import { dispatchChannel, type Naming } from "../../protocol/redis/keys.ts";
import type { DeadLetters } from "./dead-letters.ts";

/** What refusals are given. */
export interface RefusalOptions {
  readonly naming: Naming;
  readonly deadLetter: DeadLetters;
  readonly log: Logger;
  /** Gives a job back that came to a node which does not serve its queue; `false` where there is no such attempt. */
  readonly giveBack: (envelope: Envelope) => Promise<boolean>;
  /** Set if only those jobs may run that it lets pass. */
  readonly verify: JobVerifier | undefined;
}

/** Creates them. */
export function createRefusals({ naming, deadLetter, log, giveBack, verify }: RefusalOptions) {
  const bury = (node: string, text: string, reason: string): void => {
    deadLetter(dispatchChannel(naming, node), Buffer.from(text), reason, "message:refused");
  };

  async function verifyOrBury(envelope: Envelope): Promise<string | null> {
    const refusal = (await verify?.(envelope)) ?? null;
    if (refusal !== null) bury(envelope.node, textOf(envelope), refusal);
    return refusal;
  }

  async function refuse(envelope: Envelope): Promise<void> {
    const reason = "expected a job of a queue that this node serves";
    try {
      if (await giveBack(envelope)) return;
      const channel = dispatchChannel(naming, envelope.node);
      deadLetter(channel, Buffer.from(textOf(envelope)), reason);
    } catch (error) {
      log.warn({ id: envelope.id, reason: String(error) }, "job refused; its lease will end");
    }
  }

  return {
    /** The verifier, which keeps the messages of what it refuses; `undefined` where everything may run. */
    verify: verify && verifyOrBury,

    /** A job of a queue that its node does not serve here. */
    unserved: (envelope: Envelope): void => {
      void refuse(envelope);
    },

    /** Nobody can sign a bare id. */
    bare:
      (run: (node: string, id: string) => void) =>
      (node: string, id: string): void => {
        if (verify === undefined) run(node, id);
        else bury(node, id, "expected a signed job, got a bare id");
      },
  };
}

/** What is nested too deeply to be written out is left out. */
function textOf(envelope: Envelope): string {
  try {
    return JSON.stringify(envelope);
  } catch {
    const { v, queue, node, token, attempt, id, name } = envelope;
    return JSON.stringify({ v, queue, node, token, attempt, id, name });
  }
}
