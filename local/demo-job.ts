/** Follows one job of the demonstration from its dispatch until the function has recorded its outcome. */
import { setTimeout as sleep } from "node:timers/promises";
import { terminalStates } from "../protocol/wire/job.ts";
import type { ApiClient, JobView, NewJob } from "./api-client.ts";

export interface DemoJob {
  /** Its name in the output. */
  readonly label: string;
  readonly request: NewJob;
}

/** The outcome of a job. */
export type DemoOutcome =
  | {
      readonly kind: "recorded";
      readonly job: DemoJob;
      readonly view: JobView;
      /** From the dispatch until the result was known, in milliseconds. */
      readonly roundTripMs: number;
    }
  | { readonly kind: "unrecorded"; readonly job: DemoJob; readonly id: string }
  | { readonly kind: "refused"; readonly job: DemoJob; readonly reason: string };

export interface DemoRun {
  readonly api: ApiClient;
  /** When to stop waiting for the record, by performance.now(). */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

const MAX_WAIT_SECONDS = 25;
/** A result may be known shortly before its callback has been recorded. */
const RECORD_INTERVAL_MS = 50;

export async function runDemoJob(job: DemoJob, run: DemoRun): Promise<DemoOutcome> {
  const sentMs = performance.now();
  let id: string;
  try {
    id = (await run.api.dispatch(job.request)).id;
  } catch (error) {
    run.signal.throwIfAborted();
    return { kind: "refused", job, reason: messageOf(error) };
  }

  let knownMs: number | undefined;
  for (;;) {
    const leftMs = run.deadlineMs - performance.now();
    if (leftMs <= 0) return { kind: "unrecorded", job, id };
    const view = await tryRead(id, Math.min(MAX_WAIT_SECONDS, Math.ceil(leftMs / 1_000)), run);
    if (view !== undefined && hasEnded(view)) {
      knownMs ??= performance.now();
      if (view.recorded) {
        return { kind: "recorded", job, view, roundTripMs: knownMs - sentMs };
      }
    }
    await sleep(RECORD_INTERVAL_MS, undefined, { signal: run.signal });
  }
}

/** Repeats a failed read until the deadline: its failure says nothing about the job. */
async function tryRead(
  id: string,
  waitSeconds: number,
  run: DemoRun,
): Promise<JobView | undefined> {
  try {
    return await run.api.job(id, waitSeconds);
  } catch {
    run.signal.throwIfAborted();
    return undefined;
  }
}

function hasEnded(view: JobView): boolean {
  return terminalStates.some((state) => state === view.state);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
