/**
 * Ends an attempt whose time-out has passed while the event loop is blocked, in place of the subscriber: as a failure,
 * which is retried if the job allows it. What the handler returns later is refused.
 */
import type { JobLedger } from "../../protocol/ledger/jobs.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import { itemAt } from "../../protocol/redis/reply.ts";
import { failureCodes } from "../../protocol/wire/failure.ts";
import { decodeBody } from "../../protocol/wire/job.ts";
import type { Envelope, Failure } from "../../protocol/wire/messages.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import { endingOf } from "../attempt/ending.ts";
import type { GuardedAttempt } from "./table.ts";

/** The attempt to end. Times are in milliseconds of one clock. */
export interface BlockedAttempt extends Pick<GuardedAttempt, "member" | "startedAt" | "endsAt"> {
  readonly queue: string;
  readonly now: number;
  /** Asked once more before it is ended. */
  readonly isStillRunning: () => boolean;
}

/** What it is ended with. */
export interface EndOptions {
  readonly jobs: Pick<JobLedger, "read">;
  readonly nodes: Pick<NodeLedger, "finish">;
  readonly maxResultBytes: number;
}

/**
 * Resolves to whether the failure was stored: not if the attempt has ended, or lost its lease. Repeat-safe.
 * @throws SignalboxError if Redis fails
 */
export async function endBlocked(attempt: BlockedAttempt, options: EndOptions): Promise<boolean> {
  const { jobs, nodes, maxResultBytes } = options;
  const envelope = await envelopeOf(attempt, jobs);
  if (envelope === null || !attempt.isStillRunning()) return false;
  const durationMs = Math.round(attempt.now - attempt.startedAt);
  const outcome = { kind: "failed", failure: failureOf(attempt) } as const;
  const ending = endingOf(envelope, outcome, { durationMs, maxResultBytes });
  // The event loop takes no jobs now: the slot is freed, and nothing is fetched for it.
  const use = { node: envelope.node, mode: "pass", waiting: false } as const;
  const { verdicts } = await nodes.finish(envelope.queue, [ending], {
    nodes: [use],
    wasBusy: false,
  });
  return itemAt(verdicts, 0, "a verdict") === "stored";
}

/** The delivery that holds a lease, from what the ledger knows of its job; null if that does not run. */
async function envelopeOf(
  { queue, member }: BlockedAttempt,
  jobs: Pick<JobLedger, "read">,
): Promise<Envelope | null> {
  const [id = "", token = "", node = ""] = member.split(" ");
  const job = await jobs.read(queue, id);
  if (job?.state !== "running") return null;
  const { attempts, backoff } = decodeBody(job.body);
  const { name, attemptsUsed } = job;
  const attempt = attemptsUsed + 1;
  return omitUndefined({ v: 1 as const, id, name, queue, node, token, attempt, attempts, backoff });
}

function failureOf({ startedAt, endsAt, now }: BlockedAttempt): Failure {
  const limitMs = Math.round(endsAt - startedAt);
  return {
    code: "event_loop_blocked",
    message:
      `the event loop of its process was blocked when its time-out of ${limitMs} ms passed, ` +
      `${Math.round(now - startedAt)} ms after its start; move what computes into a worker thread or a child process`,
    retryable: failureCodes.event_loop_blocked,
  };
}
