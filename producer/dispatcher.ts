/** Dispatches single jobs in few calls: those of one turn, and those that come while a call is under way, go together. */
import { SignalboxError } from "../protocol/error.ts";
import type { Dispatched, JobLedger } from "../protocol/ledger/jobs.ts";
import type { JobSpec } from "../protocol/wire/job.ts";
import { createBatcher } from "../subscriber/outcome/batcher.ts";

/**
 * Dispatches one job.
 * @throws SignalboxError if the call failed: the job may have been accepted. Repeat-safe with the same id.
 */
export type DispatchOne = (spec: JobSpec) => Promise<Dispatched>;

interface Pending {
  readonly spec: JobSpec;
  readonly resolve: (dispatched: Dispatched) => void;
  readonly reject: (error: unknown) => void;
}

/** Creates it. After `signal` aborts, no further call is made, and what waits for one stays unanswered. */
export function createDispatcher(
  ledger: Pick<JobLedger, "dispatch">,
  signal: AbortSignal,
): DispatchOne {
  async function send(batch: readonly Pending[]): Promise<void> {
    try {
      const answers = await ledger.dispatch(batch.map(({ spec }) => spec));
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index];
        if (answer === undefined) reject(new SignalboxError("internal", "expected an answer"));
        else resolve(answer);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  const batcher = createBatcher<Pending>({
    sizeOf: ({ spec }) => JSON.stringify(spec.payload ?? null).length + 256,
    send,
    signal,
  });
  return (spec) =>
    new Promise((resolve, reject) => {
      batcher.add({ spec, resolve, reject });
    });
}
