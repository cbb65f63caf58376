/** The ledger as clients use it: dispatch jobs, read them, cancel them, send them again, delete them. */
import { dispatchChannel, queueKeys, queuesKey } from "../redis/keys.ts";
import { exactly, itemAt, list, number, text } from "../redis/reply.ts";
import { cancel, type Cancelled } from "../scripts/cancel.ts";
import { type DeletedJob, deleteJobs } from "../scripts/delete-jobs.ts";
import { type FailedJob, listFailed } from "../scripts/list-failed.ts";
import { listJobs as listScript, type Page } from "../scripts/list-jobs.ts";
import { listNodes, type NodeRow } from "../scripts/list-nodes.ts";
import { readJob } from "../scripts/read-job.ts";
import { resend, type Resent } from "../scripts/resend.ts";
import type { JobSpec, TerminalState } from "../wire/job.ts";
import { defaultQueue } from "../wire/names.ts";
import type { Stored } from "../wire/record.ts";
import type { StoredReport } from "../wire/report.ts";
import { bind, type LedgerOptions, type OfQueue } from "./binding.ts";
import { createDispatch, type Dispatched } from "./dispatch.ts";
import { parseReports } from "./reports.ts";

export type { Dispatched } from "./dispatch.ts";

/** Where a page of jobs starts: after (older than) `place` in the index entry `entry`; `+` and 0 for the newest. */
export interface ListCursor {
  readonly entry: string;
  readonly place: number;
}

/** Which jobs a page holds. */
export interface ListFilter {
  /** How many jobs of each queue a page holds at most. */
  readonly limit: number;
  /** A `JobState`, or `-` for any. */
  readonly state: string;
  /** A job name, or `-` for any. */
  readonly name: string;
}

/** A job and the queue in which it was found. */
export interface FoundJob {
  readonly queue: string;
  readonly job: Stored;
}

/** A page of the failed set. */
export interface FailedPage {
  /** How many entries of the set were examined. The next page starts at this page's offset plus this number. */
  readonly examined: number;
  readonly jobs: readonly FailedJob[];
}

/**
 * What clients ask of the ledger. Every method is one round trip, except that `dispatch` of signed jobs can need more;
 * every method may be repeated with the same arguments without changing anything more. All throw what the port throws,
 * or `reply_unexpected` for an answer of another version. Methods that take `queues` answer for each, in their order.
 */
export interface JobLedger {
  /**
   * Accepts up to 1,000 jobs, in any queues, and answers for each, in their order. A job is sent to a free slot, or it
   * waits. Jobs are known by id: an id that was accepted before makes no second job; it is answered as `accepted` with
   * `duplicate`, or as `conflict` if the content differs. Each queue is one atomic script; if the call throws, some
   * queues may have been accepted: repeat it. Script `dispatch`.
   * @throws SignalboxError `state_conflict` if signed jobs cannot be placed because the holders of their deduplication
   *   keys keep changing; nothing was done for those
   */
  dispatch(specs: readonly JobSpec[]): Promise<readonly Dispatched[]>;

  /** Reads one job; `null` if `queue` does not know the id. Script `read-job`. */
  read(queue: string, id: string): Promise<Stored | null>;

  /**
   * Reads the reports of job `id` from stream id `from` on, the oldest first: `-` for all, `(<id>` for those after an
   * id (`XRANGE`, no script). Empty if there are none or they have expired.
   * @throws SyntaxError if a report is not JSON
   */
  reports(queue: string, id: string, from: string): Promise<readonly StoredReport[]>;

  /** Looks for a job in every one of `queues`; the first that knows it answers, else `null`. Script `read-job`. */
  find(queues: readonly string[], id: string): Promise<FoundJob | null>;

  /**
   * A page of each queue's jobs, the newest first, starting where `from` says for that queue. Examines at most 1,000
   * jobs or 8 MiB of each queue, so a page can hold fewer than `limit`, even none, while its `next` is set.
   * Script `list-jobs`.
   */
  list(
    queues: readonly string[],
    from: (queue: string) => ListCursor,
    filter: ListFilter,
  ): Promise<readonly OfQueue<Page>[]>;

  /** The nodes that serve each queue, and how many attempts each runs. Script `list-nodes`. */
  nodes(queues: readonly string[]): Promise<readonly OfQueue<readonly NodeRow[]>[]>;

  /** How many connections listen on each node's channel at present, by node (`PUBSUB NUMSUB`, no script). */
  listeners(names: readonly string[]): Promise<ReadonlyMap<string, number>>;

  /** All queues that were dispatched to or served, `default` first (`SMEMBERS`, no script). */
  queues(): Promise<readonly string[]>;

  /**
   * Cancels a job: immediately if it waits; if it runs, its node is asked to stop it. See `Cancelled` for the answers.
   * Repeated, a job that was cancelled answers as `ended`. Script `cancel`.
   */
  cancel(queue: string, id: string): Promise<Cancelled>;

  /**
   * Sends up to 1,000 ended jobs again, with their ids and all their attempts; answers for each, in order. `only` leaves
   * out jobs that ended in another state (`-`, the default, takes any but `succeeded`). Repeated, a job that was sent
   * again is `alive`. Script `resend`.
   */
  resend(
    queue: string,
    ids: readonly string[],
    only?: TerminalState | "-",
  ): Promise<readonly Resent[]>;

  /**
   * Deletes up to 1,000 ended jobs and all that is known of them; answers for each, in order. `only` leaves out jobs
   * that ended in another state (`-`, the default, takes any). Repeated, a deleted job is `unknown`. Script `delete-jobs`.
   */
  delete(
    queue: string,
    ids: readonly string[],
    only?: TerminalState | "-",
  ): Promise<readonly DeletedJob[]>;

  /**
   * A page of the failed set, the latest failure first, from position `offset` on: at most `limit` jobs and about
   * 4 MiB. Script `list-failed`.
   */
  failed(
    queue: string,
    page: { readonly offset: number; readonly limit: number },
  ): Promise<FailedPage>;
}

/** Binds the scripts to a Redis and a naming. */
export function createJobLedger(options: LedgerOptions): JobLedger {
  const { naming } = options;
  const { publishing, run, onEach } = bind(options);
  const keysOf = (queue: string) => queueKeys(naming, queue);

  return {
    dispatch: createDispatch(options),

    read: (queue, id) => run(readJob.call({ keys: keysOf(queue), args: { id } }), readJob.parse),

    reports: (queue, id, from) =>
      run({ command: ["XRANGE", keysOf(queue).reportsOf(id), from, "+"] }, parseReports),

    async find(queues, id) {
      const found = await onEach(
        queues,
        (queue) => readJob.call({ keys: keysOf(queue), args: { id } }),
        readJob.parse,
      );
      for (const { queue, value } of found) if (value !== null) return { queue, job: value };
      return null;
    },

    list: (queues, from, filter) =>
      onEach(
        queues,
        (queue) => listScript.call({ keys: keysOf(queue), args: { ...from(queue), ...filter } }),
        listScript.parse,
      ),

    nodes: (queues) =>
      onEach(queues, (queue) => listNodes.call({ keys: keysOf(queue), args: {} }), listNodes.parse),

    async listeners(names) {
      if (names.length === 0) return new Map();
      const channels = names.map((name) => dispatchChannel(naming, name));
      const counts = await run({ command: ["PUBSUB", "NUMSUB", ...channels] }, list);
      // Channel and count by turns.
      return new Map(
        names.map((name, at) => [name, number(itemAt(counts, at * 2 + 1, "a count"))]),
      );
    },

    async queues() {
      const known = await run({ command: ["SMEMBERS", queuesKey(naming)] }, list);
      return [...new Set([defaultQueue, ...known.map(text)])];
    },

    cancel: (queue, id) =>
      run(cancel.call({ keys: keysOf(queue), args: { ...publishing(queue), id } }), cancel.parse),

    async resend(queue, ids, only = "-") {
      const args = { ...publishing(queue), only };
      const call = resend.call({ keys: keysOf(queue), args, list: ids });
      return exactly(await run(call, resend.parse), ids.length, "answers");
    },

    async delete(queue, ids, only = "-") {
      const call = deleteJobs.call({ keys: keysOf(queue), args: { only }, list: ids });
      return exactly(await run(call, deleteJobs.parse), ids.length, "answers");
    },

    failed: (queue, page) =>
      run(listFailed.call({ keys: keysOf(queue), args: page }), listFailed.parse),
  };
}
