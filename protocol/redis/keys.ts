/**
 * Every Redis key and channel name, one place each. `docs/protocol.md` says what each key holds and
 * what bounds it. All keys of one queue share a hash tag, so a queue lives on one Cluster shard and
 * its scripts are atomic.
 */

/** Where a deployment keeps its state, and what its channels are called. */
export interface Naming {
  /** First part of every key. @default "signalbox" */
  readonly keyPrefix: string;
  /** Put before `CHANNEL_DISPATCH_<node>` and `CHANNEL_RESULT`; must hold no comma. @default "" */
  readonly channelPrefix: string;
}

/** The original's channel names and our own key prefix. */
export const defaultNaming: Naming = { keyPrefix: "signalbox", channelPrefix: "" };

/** The keys of one queue's ledger. */
export interface QueueKeys {
  readonly jobs: string;
  readonly results: string;
  readonly leases: string;
  readonly backlog: string;
  readonly free: string;
  readonly nodes: string;
  readonly parked: string;
  readonly index: string;
  readonly outbox: string;
  readonly due: string;
  readonly errors: string;
  readonly failed: string;
  readonly schedules: string;
  /** Ids of all schedules, in the order of their letters. */
  readonly schedule_ids: string;
  readonly history: string;
  /** What comes before a deduplication key. */
  readonly dedupeBase: string;
  /** Jobs that must run on `node` and wait for it. */
  readonly backlogOf: (node: string) => string;
  /** What the handler of job `id` has reported. */
  readonly reportsOf: (id: string) => string;
}

/** What every key of `queue` begins with. */
export function queueKeyBase(naming: Naming, queue: string): string {
  return `${naming.keyPrefix}:{${queue}}:`;
}

/** The keys of `queue`. */
export function queueKeys(naming: Naming, queue: string): QueueKeys {
  const base = queueKeyBase(naming, queue);
  return {
    jobs: `${base}jobs`,
    results: `${base}results`,
    leases: `${base}leases`,
    backlog: `${base}backlog`,
    free: `${base}free`,
    nodes: `${base}nodes`,
    parked: `${base}parked`,
    index: `${base}index`,
    outbox: `${base}outbox`,
    due: `${base}due`,
    errors: `${base}errors`,
    failed: `${base}failed`,
    schedules: `${base}schedules`,
    schedule_ids: `${base}schedule-ids`,
    history: `${base}history`,
    dedupeBase: `${base}dedupe:`,
    backlogOf: (node) => `${base}backlog:${node}`,
    reportsOf: (id) => `${base}reports:${id}`,
  };
}

/** The set of all queues that a node has served or a job has waited in. */
export function queuesKey(naming: Naming): string {
  return `${naming.keyPrefix}:queues`;
}

/** Which schedules the deployed list has made. */
export function declaredKey(naming: Naming): string {
  return `${naming.keyPrefix}:declared`;
}

/** The stream of messages that could not be read, newest 1,000. */
export function deadLettersKey(naming: Naming): string {
  return `${naming.keyPrefix}:dead-letters`;
}

/** How many requests the caller called `name` has made in the window that is open. */
export function rateKey(naming: Naming, name: string): string {
  return `${naming.keyPrefix}:rate:${name}`;
}

/** Where `node` listens. */
export function dispatchChannel(naming: Naming, node: string): string {
  return `${dispatchChannelPrefix(naming)}${node}`;
}

/** What comes before the node's name in its channel. */
export function dispatchChannelPrefix(naming: Naming): string {
  return `${naming.channelPrefix}CHANNEL_DISPATCH_`;
}

/** Where subscribers are told of moments and leases to watch. */
export function controlChannel(naming: Naming): string {
  return `${naming.channelPrefix}CHANNEL_CONTROL`;
}

/** Where results are published. */
export function resultChannel(naming: Naming): string {
  return `${naming.channelPrefix}CHANNEL_RESULT`;
}

/** Where those who watch job `id` are told that its handler has reported something. */
export function reportChannel(naming: Naming, queue: string, id: string): string {
  return `${naming.channelPrefix}CHANNEL_REPORT_${queue}:${id}`;
}
