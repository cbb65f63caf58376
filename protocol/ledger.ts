/**
 * All state changes, in domain words. The only caller of `scripts/`; knows no transport. Each method
 * is one round trip, and may be repeated with the same arguments without changing anything more.
 */
import { encodeBody, decodeBody, type JobSpec, type JobState } from "./job.ts";
import { sameJson } from "./json.ts";
import { dispatchChannelPrefix, queueKeys, queuesKey, resultChannel, type Naming } from "./keys.ts";
import { defaultQueue } from "./names.ts";
import type { Stored } from "./record.ts";
import type { Call, RedisPort, Reply } from "./redis-port.ts";
import { list, text } from "./reply.ts";
import { dispatch, type Placement } from "./scripts/dispatch.ts";
import { expire, type Expired } from "./scripts/expire.ts";
import { list as listScript, type Page } from "./scripts/list.ts";
import { nodes, type Seat } from "./scripts/nodes.ts";
import { overdue, type OutboxEntry } from "./scripts/overdue.ts";
import { read } from "./scripts/read.ts";
import { retire, type Retired } from "./scripts/retire.ts";
import { unpark } from "./scripts/unpark.ts";

/** Durations of the ledger, in milliseconds. All parts of a deployment must agree on them. */
export interface Timing {
  /** Lease of a delivery until its node is heard of. @default 10_000 */
  readonly unheardMs: number;
  /** Lease from each renewal on. @default 30_000 */
  readonly leaseMs: number;
  /** Lease of a job sent to a foreign node, which renews nothing. @default 300_000 */
  readonly foreignMs: number;
}

export const defaultTiming: Timing = { unheardMs: 10_000, leaseMs: 30_000, foreignMs: 300_000 };

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
    }
  /** The id is taken by a job of other content. */
  | { readonly kind: "conflict"; readonly id: string; readonly queue: string };

/** See `createLedger`. */
export type Ledger = ReturnType<typeof createLedger>;

/** Where the ledger is and how it is reached. */
export interface LedgerOptions {
  readonly redis: RedisPort;
  readonly naming: Naming;
  readonly timing: Timing;
  /** Simulated time, for tests: milliseconds, never going back. Redis's own clock if absent. */
  readonly simulatedNow?: () => number;
}

/** Binds the scripts to a Redis and a naming. */
export function createLedger({ redis, naming, timing, simulatedNow }: LedgerOptions) {
  const channel = dispatchChannelPrefix(naming);
  const placing = (queue: string) => ({
    queue,
    channel,
    unheard_ms: timing.unheardMs,
    foreign_ms: timing.foreignMs,
    clock: clock(),
  });
  const publishing = (queue: string) => ({
    ...placing(queue),
    results_channel: resultChannel(naming),
  });

  function clock(): string {
    return simulatedNow === undefined ? "*" : `${Math.floor(simulatedNow())}-*`;
  }

  async function run<Result>(call: Call, parse: (reply: Reply) => Result): Promise<Result> {
    const [reply] = await redis.send([call]);
    return parse(reply ?? null);
  }

  /** Runs one script on each of `queues`, in one round trip. */
  async function onEach<Result>(
    queues: readonly string[],
    call: (queue: string) => Call,
    parse: (reply: Reply) => Result,
  ): Promise<readonly { readonly queue: string; readonly value: Result }[]> {
    const replies = await redis.send(queues.map(call));
    return queues.map((queue, at) => ({ queue, value: parse(replies[at] ?? null) }));
  }

  return {
    /** Accepts up to 1,000 jobs. Answers in their order. */
    async dispatch(specs: readonly JobSpec[]): Promise<readonly Dispatched[]> {
      const queues = [...new Set(specs.map((spec) => spec.queue))];
      const groups = queues.map((queue) => specs.filter((spec) => spec.queue === queue));
      const registered = queues.filter((queue) => queue !== defaultQueue);
      const calls: Call[] = queues.map((queue, at) =>
        dispatch.call({
          keys: queueKeys(naming, queue),
          args: placing(queue),
          moreKeys: targetsOf(groups[at] ?? []).map(queueKeys(naming, queue).backlogOf),
          list: (groups[at] ?? []).flatMap((spec) => [
            spec.id,
            spec.node ?? "-",
            spec.name,
            encodeBody(spec),
          ]),
        }),
      );
      if (registered.length > 0)
        calls.unshift({ command: ["SADD", queuesKey(naming), ...registered] });
      const replies = await redis.send(calls);
      const answers = new Map<JobSpec, Dispatched>();
      groups.forEach((group, at) => {
        const placements = dispatch.parse(replies[at + calls.length - groups.length] ?? null);
        group.forEach((spec, index) => {
          const placement = placements[index];
          if (placement !== undefined) answers.set(spec, answer(spec, placement));
        });
      });
      return specs.flatMap((spec) => answers.get(spec) ?? []);
    },

    /** Reads one job; `null` where `queue` does not know the id. */
    read(queue: string, id: string): Promise<Stored | null> {
      return run(read.call({ keys: queueKeys(naming, queue), args: { id } }), read.parse);
    },

    /** Looks for a job in every one of `queues`, in one round trip. */
    async find(
      queues: readonly string[],
      id: string,
    ): Promise<{ readonly queue: string; readonly job: Stored } | null> {
      const found = await onEach(
        queues,
        (queue) => read.call({ keys: queueKeys(naming, queue), args: { id } }),
        read.parse,
      );
      for (const { queue, value } of found) if (value !== null) return { queue, job: value };
      return null;
    },

    /** A page of each queue's jobs, newest first; see `scripts/list.ts`. */
    list(
      queues: readonly string[],
      from: (queue: string) => { readonly entry: string; readonly place: number },
      filter: { readonly limit: number; readonly state: string; readonly name: string },
    ): Promise<readonly { readonly queue: string; readonly value: Page }[]> {
      return onEach(
        queues,
        (queue) =>
          listScript.call({ keys: queueKeys(naming, queue), args: { ...from(queue), ...filter } }),
        listScript.parse,
      );
    },

    /** Who serves each queue. */
    nodes(
      queues: readonly string[],
    ): Promise<readonly { readonly queue: string; readonly value: readonly Seat[] }[]> {
      return onEach(
        queues,
        (queue) => nodes.call({ keys: queueKeys(naming, queue), args: {} }),
        nodes.parse,
      );
    },

    /** How many listen on each node's channel at this moment. */
    async listeners(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
      if (names.length === 0) return new Map();
      const channels = names.map((name) => channel + name);
      const counts = await run({ command: ["PUBSUB", "NUMSUB", ...channels] }, list);
      return new Map(names.map((name, at) => [name, Number(counts[at * 2 + 1] ?? 0)]));
    },

    /** Every queue there is. */
    async queues(): Promise<readonly string[]> {
      const known = await run({ command: ["SMEMBERS", queuesKey(naming)] }, list);
      return [...new Set([defaultQueue, ...known.map(text)])];
    },

    /** Takes entries out of the outbox: their results are recorded. Answers how many still were in it. */
    async record(entries: ReadonlyMap<string, readonly string[]>): Promise<number> {
      const calls = [...entries].flatMap(([queue, ids]): Call[] =>
        ids.length === 0 ? [] : [{ command: ["XDEL", queueKeys(naming, queue).outbox, ...ids] }],
      );
      if (calls.length === 0) return 0;
      const replies = await redis.send(calls);
      return replies.reduce<number>((sum, reply) => sum + Number(reply), 0);
    },

    /** Results that have waited in the outboxes for `graceMs` or more; at most `limit` entries a queue. */
    overdue(
      queues: readonly string[],
      graceMs: number,
      limit: number,
    ): Promise<readonly { readonly queue: string; readonly value: readonly OutboxEntry[] }[]> {
      return onEach(
        queues,
        (queue) =>
          overdue.call({
            keys: queueKeys(naming, queue),
            args: { grace_ms: graceMs, limit, clock: clock() },
          }),
        overdue.parse,
      );
    },

    /** Gives out again what is leased to nodes that were not heard of in time. */
    expire(
      queues: readonly string[],
      limit: number,
    ): Promise<readonly { readonly queue: string; readonly value: Expired }[]> {
      return onEach(
        queues,
        (queue) =>
          expire.call({ keys: queueKeys(naming, queue), args: { ...publishing(queue), limit } }),
        expire.parse,
      );
    },

    /** Tries again jobs that wait for one node. Answers how many still do. */
    unpark(
      queues: readonly string[],
      limit: number,
    ): Promise<readonly { readonly queue: string; readonly value: number }[]> {
      return onEach(
        queues,
        (queue) =>
          unpark.call({ keys: queueKeys(naming, queue), args: { ...placing(queue), limit } }),
        unpark.parse,
      );
    },

    /** Forgets finished jobs that are past their retention. */
    retire(
      queues: readonly string[],
      keep: {
        readonly retentionMs: number;
        readonly maxFinished: number;
        readonly outboxMs: number;
      },
    ): Promise<readonly { readonly queue: string; readonly value: Retired }[]> {
      const args = {
        retention_ms: keep.retentionMs,
        max_finished: keep.maxFinished,
        outbox_ms: keep.outboxMs,
      };
      return onEach(
        queues,
        (queue) =>
          retire.call({ keys: queueKeys(naming, queue), args: { ...args, clock: clock() } }),
        retire.parse,
      );
    },
  };
}

function targetsOf(specs: readonly JobSpec[]): readonly string[] {
  return [...new Set(specs.flatMap((spec) => spec.node ?? []))];
}

function answer(spec: JobSpec, placement: Placement): Dispatched {
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
      sameJson(kept.payload, sent.payload);
    if (!same) return { kind: "conflict", id, queue };
  }
  const state = placement.kind === "placed" ? placement.phase : stateOf(placement.phase);
  return {
    kind: "accepted",
    id,
    queue,
    state,
    node: placement.node ?? spec.node ?? null,
    delivered: state !== "queued",
    duplicate: placement.kind === "known",
  };
}

function stateOf(phase: string): JobState {
  if (phase === "Q") return "queued";
  return phase === "R" ? "running" : (phase as JobState);
}
