/**
 * The names of all Redis keys and channels. `docs/protocol.md` says what each key holds and what bounds it.
 * All keys of one queue share a hash tag, so a queue lives on one Cluster shard and its scripts are atomic.
 */

/** What a deployment's keys and channels begin with. Deployments with different prefixes can share one Redis. */
export interface Naming {
  /** What every key begins with. @default "signalbox" */
  readonly keyPrefix: string;
  /** What every channel begins with; must hold no comma. @default "" */
  readonly channelPrefix: string;
}

/** The channel names of the original wire format, and the prefix `signalbox` for keys. */
export const defaultNaming: Naming = { keyPrefix: "signalbox", channelPrefix: "" };

/** The keys of one queue's ledger; scripts know each by the same name. */
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
  /** Ids of all schedules, in lexicographic order. */
  readonly schedule_ids: string;
  readonly history: string;
  /** What precedes a deduplication key. */
  readonly dedupeBase: string;
  /** The list of jobs that must run on `node` and wait for it. */
  readonly backlogOf: (node: string) => string;
  /** The stream of reports of job `id`. */
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

/** The set of all queues that were dispatched to or served; `default` need not be in it. */
export function queuesKey(naming: Naming): string {
  return `${naming.keyPrefix}:queues`;
}

/** The list of schedules deployed with the function, as it was last applied. */
export function declaredKey(naming: Naming): string {
  return `${naming.keyPrefix}:declared`;
}

/** The stream of messages that could not be read; the newest 1,000 are kept. */
export function deadLettersKey(naming: Naming): string {
  return `${naming.keyPrefix}:dead-letters`;
}

/** The count of requests that the caller `name` has made in the current window. */
export function rateKey(naming: Naming, name: string): string {
  return `${naming.keyPrefix}:rate:${name}`;
}

/** The channel on which `node` listens for jobs. */
export function dispatchChannel(naming: Naming, node: string): string {
  return `${dispatchChannelPrefix(naming)}${node}`;
}

/** What precedes the node's name in its channel. */
export function dispatchChannelPrefix(naming: Naming): string {
  return `${naming.channelPrefix}CHANNEL_DISPATCH_`;
}

/** The channel that tells subscribers of due times, of leases to watch and of jobs to stop. */
export function controlChannel(naming: Naming): string {
  return `${naming.channelPrefix}CHANNEL_CONTROL`;
}

/** The channel on which results are published. */
export function resultChannel(naming: Naming): string {
  return `${naming.channelPrefix}CHANNEL_RESULT`;
}

/** The channel that tells watchers of job `id` that its handler has reported something. */
export function reportChannel(naming: Naming, queue: string, id: string): string {
  return `${naming.channelPrefix}CHANNEL_REPORT_${queue}:${id}`;
}
