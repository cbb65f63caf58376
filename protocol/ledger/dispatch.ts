/**
 * Dispatch: one call of the script for each queue, signed if there is a signer, and what became of each job. Whether a
 * known id is a repetition or a conflict is decided here, because scripts cannot compare JSON.
 */
import { SignalboxError, unreachable } from "../error.ts";
import { type QueueKeys, queueKeys } from "../redis/keys.ts";
import type { Call } from "../redis/port.ts";
import { exactly, itemAt } from "../redis/reply.ts";
import { type DedupeVerdict, dispatch, type Placement } from "../scripts/dispatch.ts";
import type { JobSpec, JobState, StartTime } from "../wire/job.ts";
import { encodeBody, terminalStates } from "../wire/job.ts";
import { phases } from "../wire/record.ts";
import { bind, byQueue, type LedgerOptions, type PlacingArgs } from "./binding.ts";
import { contentDigest, isRepetition } from "./content.ts";
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
      /** Set if the deduplication key was held: then `id` is the holder's. */
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

type Signed = ReadonlyMap<JobSpec, SignedBody>;

/** Digests of the jobs that have a deduplication key. */
type Digests = ReadonlyMap<JobSpec, string>;

/** Binds the script to a Redis and a naming; see `JobLedger.dispatch`. */
export function createDispatch(
  options: LedgerOptions,
): (specs: readonly JobSpec[]) => Promise<readonly Dispatched[]> {
  const { naming, signer } = options;
  const { placing, onEachGroup } = bind(options);

  /**
   * Sends jobs in one round trip and adds their answers to `answers`. Resolves to the jobs that were not taken because
   * they are signed for another place, and to those places.
   */
  async function send(
    specs: readonly JobSpec[],
    answers: Map<JobSpec, Dispatched>,
    signed?: Signed,
  ): Promise<ReadonlyMap<JobSpec, Place>> {
    const digests = await digestsOf(specs);
    const placed = await onEachGroup(
      byQueue(specs),
      (queue, group) =>
        dispatchCall(queueKeys(naming, queue), placing(queue), { specs: group, digests, signed }),
      dispatch.parse,
    );
    const missigned = new Map<JobSpec, Place>();
    for (const { items, value } of placed) {
      const placements = exactly(value, items.length, "placements");
      for (const [at, spec] of items.entries()) {
        const placement = itemAt(placements, at, "a placement");
        if (placement.kind === "missigned") missigned.set(spec, placement);
        else answers.set(spec, await answerOf(spec, placement));
      }
    }
    return missigned;
  }

  return async (specs) => {
    const answers = new Map<JobSpec, Dispatched>();
    if (signer === undefined) await send(specs, answers);
    else await dispatchSigned(signer, specs, (some, signed) => send(some, answers, signed));
    return specs.map((spec) => {
      const answer = answers.get(spec);
      if (answer !== undefined) return answer;
      throw new SignalboxError(
        "reply_unexpected",
        `expected unsigned job ${spec.id} to be placed, got that it is signed for another place`,
      );
    });
  };
}

/** What goes into one call: its jobs, and what was computed of them. */
interface Encoding {
  readonly specs: readonly JobSpec[];
  readonly digests: Digests;
  readonly signed: Signed | undefined;
}

async function digestsOf(specs: readonly JobSpec[]): Promise<Digests> {
  const deduped = specs.filter(({ dedupe }) => dedupe !== undefined);
  if (deduped.length === 0) return new Map();
  const entries = deduped.map(async (spec) => [spec, await contentDigest(spec)] as const);
  return new Map(await Promise.all(entries));
}

/** The call for the jobs of one queue. The script's own comment states the format of its list. */
function dispatchCall(
  keys: QueueKeys,
  args: PlacingArgs,
  { specs, digests, signed }: Encoding,
): Call {
  return dispatch.call({
    keys,
    args: { ...args, dedupe_base: keys.dedupeBase },
    moreKeys: furtherKeys(keys, specs),
    list: specs.flatMap((spec) => {
      const signedBody = signed?.get(spec);
      return [
        spec.id,
        spec.node ?? "-",
        spec.name,
        encodeStartTime(spec.start),
        encodeStartTime(spec.deadline),
        encodeDedupe(spec, digests, signedBody?.place),
        signedBody?.body ?? encodeBody(spec),
      ];
    }),
  });
}

/** Keys that only these jobs need: the backlogs of their nodes and their deduplication keys, each once. */
function furtherKeys(keys: QueueKeys, specs: readonly JobSpec[]): readonly string[] {
  const named = specs.flatMap((spec) => (spec.node === undefined ? [] : keys.backlogOf(spec.node)));
  const deduped = specs.flatMap((spec) =>
    spec.dedupe === undefined ? [] : keys.dedupeBase + spec.dedupe.key,
  );
  return [...new Set([...named, ...deduped])];
}

function encodeStartTime(startTime: StartTime | undefined): string {
  if (startTime === undefined) return "-";
  return "atMs" in startTime ? String(startTime.atMs) : `+${startTime.inMs}`;
}

function encodeDedupe(spec: JobSpec, digests: Digests, place = "-"): string {
  const { dedupe } = spec;
  if (dedupe === undefined) return "-";
  const digest = digests.get(spec);
  if (digest === undefined) throw new SignalboxError("internal", "expected a digest of the job");
  return `${dedupe.mode} ${dedupe.windowMs} ${place} ${digest} ${dedupe.key}`;
}

async function answerOf(
  spec: JobSpec,
  placement: Exclude<Placement, { kind: "missigned" }>,
): Promise<Dispatched> {
  const { id, queue } = spec;
  const { node } = placement;
  const state = stateOf(placement.phase);
  const place = { queue, state, node, delivered: isDelivered(state) };
  const own = { ...place, id, node: node ?? spec.node ?? null };
  switch (placement.kind) {
    case "known":
      if (placement.other !== undefined && !(await isRepetition(spec, placement.other)))
        return { kind: "conflict", id, queue };
      return { kind: "accepted", ...own, duplicate: true };
    case "placed":
      return { kind: "accepted", ...own, duplicate: false };
    case "rejected":
      return { kind: "rejected", id, queue, holder: placement.id };
    case "returned":
    case "replaced":
    case "debounced": {
      const { id: holder, kind: deduplicated } = placement;
      return { kind: "accepted", ...place, id: holder, duplicate: true, deduplicated };
    }
    default:
      return unreachable(placement);
  }
}

function isDelivered(state: JobState): boolean {
  return state === "running" || state === "succeeded" || state === "failed";
}

/** The state that a script names: the letter of a phase, or the state in which the job has ended. */
function stateOf(phase: string): JobState {
  const state = phases[phase] ?? terminalStates.find((each) => each === phase);
  if (state !== undefined) return state;
  throw new SignalboxError(
    "reply_unexpected",
    `expected the phase or state of a job, got ${JSON.stringify(phase.slice(0, 40))}; ` +
      "function and subscriber must run the same version of Signalbox",
  );
}
