/**
 * What callers ask of the ledger, in domain words; `node-ledger.ts` has what nodes ask, `maintenance.ts` what
 * the passing of time does. Each method is one round trip (`dispatch` of signed jobs sometimes more) and may be repeated: the same arguments
 * again change nothing more.
 */
import { bind, type LedgerOptions, type OfQueue } from "./binding.ts";
import {
  encodeBody,
  decodeBody,
  type JobSpec,
  type JobState,
  type StartTime,
  type TerminalState,
} from "../wire/job.ts";
import { sameJson } from "../wire/json.ts";
import { dispatchChannel, queueKeys, queuesKey, type QueueKeys } from "../redis/keys.ts";
import { defaultQueue } from "../wire/names.ts";
import { unreachable } from "../error.ts";
import { phases, type Stored } from "../wire/record.ts";
import type { Call } from "../redis/port.ts";
import { parseReports, type StoredReport } from "../wire/report.ts";
import { list, text } from "../redis/reply.ts";
import { cancel, type Cancelled } from "../scripts/cancel.ts";
import { dispatch, type DedupeVerdict, type Placement } from "../scripts/dispatch.ts";
import { listFailed, type FailedJob } from "../scripts/list-failed.ts";
import { deleteJobs, type DeletedJob } from "../scripts/delete-jobs.ts";
import { listJobs as listScript, type Page } from "../scripts/list-jobs.ts";
import { listNodes, type NodeRow } from "../scripts/list-nodes.ts";
import { readJob } from "../scripts/read-job.ts";
import { resend, type Resent } from "../scripts/resend.ts";
import { dispatchSigned, type Place, type SignedBody } from "./signed-dispatch.ts";

/** What became of one dispatched job. */
export type Dispatched =
  | {
      readonly kind: "accepted";
      readonly id: string;
      readonly queue: string;
      readonly state: JobState;
      /** Where it runs, or the only node that may run it. */
      readonly node: string | null;
      /** Whether a node has been sent the job. */
      readonly delivered: boolean;
      /** Whether this id was known already, with the same content. */
      readonly duplicate: boolean;
      /** Set where the deduplication key was held: `id` is the holder's then. */
      readonly deduplicated?: Exclude<DedupeVerdict, "rejected">;
    }
  /** The deduplication key is held by job `holder`. */
  | {
      readonly kind: "rejected";
      readonly id: string;
      readonly queue: string;
      readonly holder: string;
    }
  /** The id is taken by a job of other content. */
  | { readonly kind: "conflict"; readonly id: string; readonly queue: string };

/** See `createLedger`. */
export type JobLedger = ReturnType<typeof createJobLedger>;

/** Binds the scripts to a Redis and a naming. */
export function createJobLedger(options: LedgerOptions) {
  const { redis, naming, signer } = options;
  const { placing, publishing, run, onEach } = bind(options);

  /** One round trip. Resolves to what was not taken as it is signed for another place. */
  async function send(
    specs: readonly JobSpec[],
    answers: Map<JobSpec, Dispatched>,
    signed?: ReadonlyMap<JobSpec, SignedBody>,
  ): Promise<ReadonlyMap<JobSpec, Place>> {
    const queues = [...new Set(specs.map((spec) => spec.queue))];
    const groups = queues.map((queue) => specs.filter((spec) => spec.queue === queue));
    const registered = queues.filter((queue) => queue !== defaultQueue);
    const calls: Call[] = queues.map((queue, at) =>
      dispatch.call({
        keys: queueKeys(naming, queue),
        args: { ...placing(queue), dedupe_base: queueKeys(naming, queue).dedupeBase },
        moreKeys: furtherKeys(queueKeys(naming, queue), groups[at] ?? []),
        list: (groups[at] ?? []).flatMap((spec) => [
          spec.id,
          spec.node ?? "-",
          spec.name,
          encodeStartTime(spec.start),
          encodeStartTime(spec.deadline),
          encodeDedupe(spec, signed?.get(spec)?.place),
          signed?.get(spec)?.body ?? encodeBody(spec),
        ]),
      }),
    );
    if (registered.length > 0)
      calls.unshift({ command: ["SADD", queuesKey(naming), ...registered] });
    const replies = await redis.send(calls);
    const missigned = new Map<JobSpec, Place>();
    groups.forEach((group, at) => {
      const placements = dispatch.parse(replies[at + calls.length - groups.length] ?? null);
      group.forEach((spec, index) => {
        const placement = placements[index];
        if (placement?.kind === "missigned") missigned.set(spec, placement);
        else if (placement !== undefined) answers.set(spec, answer(spec, placement));
      });
    });
    return missigned;
  }

  return {
    /** Accepts up to 1,000 jobs. Answers in their order. */
    async dispatch(specs: readonly JobSpec[]): Promise<readonly Dispatched[]> {
      const answers = new Map<JobSpec, Dispatched>();
      if (signer === undefined) await send(specs, answers);
      else await dispatchSigned(signer, specs, (some, signed) => send(some, answers, signed));
      return specs.flatMap((spec) => answers.get(spec) ?? []);
    },

    /** Reads one job; `null` where `queue` does not know the id. */
    read(queue: string, id: string): Promise<Stored | null> {
      return run(readJob.call({ keys: queueKeys(naming, queue), args: { id } }), readJob.parse);
    },

    /** What the handler of job `id` reported since stream id `from`: from it on, or after it if it starts with `(`. */
    reports(queue: string, id: string, from: string): Promise<readonly StoredReport[]> {
      const key = queueKeys(naming, queue).reportsOf(id);
      return run({ command: ["XRANGE", key, from, "+"] }, parseReports);
    },

    /** Looks for a job in every one of `queues`, in one round trip. */
    async find(
      queues: readonly string[],
      id: string,
    ): Promise<{ readonly queue: string; readonly job: Stored } | null> {
      const found = await onEach(
        queues,
        (queue) => readJob.call({ keys: queueKeys(naming, queue), args: { id } }),
        readJob.parse,
      );
      for (const { queue, value } of found) if (value !== null) return { queue, job: value };
      return null;
    },

    /** A page of each queue's jobs, newest first; see `scripts/list.ts`. */
    list(
      queues: readonly string[],
      from: (queue: string) => { readonly entry: string; readonly place: number },
      filter: { readonly limit: number; readonly state: string; readonly name: string },
    ): Promise<readonly OfQueue<Page>[]> {
      return onEach(
        queues,
        (queue) =>
          listScript.call({ keys: queueKeys(naming, queue), args: { ...from(queue), ...filter } }),
        listScript.parse,
      );
    },

    /** Who serves each queue. */
    nodes(queues: readonly string[]): Promise<readonly OfQueue<readonly NodeRow[]>[]> {
      return onEach(
        queues,
        (queue) => listNodes.call({ keys: queueKeys(naming, queue), args: {} }),
        listNodes.parse,
      );
    },

    /** How many listen on each node's channel at this moment. */
    async listeners(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
      if (names.length === 0) return new Map();
      const channels = names.map((name) => dispatchChannel(naming, name));
      const counts = await run({ command: ["PUBSUB", "NUMSUB", ...channels] }, list);
      return new Map(names.map((name, at) => [name, Number(counts[at * 2 + 1] ?? 0)]));
    },

    /** Every queue there is. */
    async queues(): Promise<readonly string[]> {
      const known = await run({ command: ["SMEMBERS", queuesKey(naming)] }, list);
      return [...new Set([defaultQueue, ...known.map(text)])];
    },

    /** Cancels a job; see `scripts/cancel.ts`. */
    cancel(queue: string, id: string): Promise<Cancelled> {
      const call = cancel.call({
        keys: queueKeys(naming, queue),
        args: { ...publishing(queue), id },
      });
      return run(call, cancel.parse);
    },

    /** Sends up to 1,000 ended jobs again (those that ended as `only`); answers for each, in order. */
    resend: (
      queue: string,
      ids: readonly string[],
      only: TerminalState | "-" = "-",
    ): Promise<readonly Resent[]> => {
      const args = { ...publishing(queue), only };
      return run(resend.call({ keys: queueKeys(naming, queue), args, list: ids }), resend.parse);
    },

    /** Deletes up to 1,000 ended jobs (those that ended as `only`); answers for each, in order. */
    delete: (
      queue: string,
      ids: readonly string[],
      only: TerminalState | "-" = "-",
    ): Promise<readonly DeletedJob[]> => {
      const call = deleteJobs.call({ keys: queueKeys(naming, queue), args: { only }, list: ids });
      return run(call, deleteJobs.parse);
    },

    /** A page of the failed set, latest first. `examined` says how far the next page starts on. */
    failed(
      queue: string,
      page: { readonly offset: number; readonly limit: number },
    ): Promise<{ readonly examined: number; readonly jobs: readonly FailedJob[] }> {
      return run(listFailed.call({ keys: queueKeys(naming, queue), args: page }), listFailed.parse);
    },
  };
}

function furtherKeys(keys: QueueKeys, specs: readonly JobSpec[]): readonly string[] {
  const named = specs.flatMap((spec) => (spec.node === undefined ? [] : keys.backlogOf(spec.node)));
  const deduped = specs.flatMap((spec) =>
    spec.dedupe === undefined ? [] : keys.dedupeBase + spec.dedupe.key,
  );
  return [...new Set([...named, ...deduped])];
}

function encodeStartTime(moment: StartTime | undefined): string {
  if (moment === undefined) return "-";
  return "atMs" in moment ? String(moment.atMs) : `+${moment.inMs}`;
}

function encodeDedupe({ dedupe }: JobSpec, place = "-"): string {
  return dedupe === undefined ? "-" : `${dedupe.mode} ${dedupe.windowMs} ${place} ${dedupe.key}`;
}

function answer(spec: JobSpec, placement: Exclude<Placement, { kind: "missigned" }>): Dispatched {
  const { id, queue } = spec;
  if (placement.kind === "known" && placement.other !== undefined) {
    const { name, target, body } = placement.other;
    const sent = decodeBody(encodeBody(spec));
    const kept = decodeBody(body);
    const same =
      name === spec.name &&
      target === (spec.node ?? "-") &&
      kept.attempts === sent.attempts &&
      kept.timeoutMs === sent.timeoutMs &&
      sameJson(kept.backoff, sent.backoff) &&
      sameJson(kept.payload, sent.payload);
    if (!same) return { kind: "conflict", id, queue };
  }
  const state = stateOf(placement.phase);
  const place = {
    queue,
    state,
    node: placement.node,
    delivered: isDelivered(state),
  };
  switch (placement.kind) {
    case "placed":
    case "known": {
      const node = placement.node ?? spec.node ?? null;
      return { kind: "accepted", id, ...place, node, duplicate: placement.kind === "known" };
    }
    case "rejected":
      return { kind: "rejected", id, queue, holder: placement.id };
    case "returned":
    case "replaced":
    case "debounced": {
      const deduplicated = placement.kind;
      return { kind: "accepted", ...place, id: placement.id, duplicate: true, deduplicated };
    }
    default:
      return unreachable(placement);
  }
}

function isDelivered(state: JobState): boolean {
  return state === "running" || state === "succeeded" || state === "failed";
}

function stateOf(phase: string): JobState {
  return phases[phase] ?? (phase as JobState);
}
