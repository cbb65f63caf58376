/**
 * A ledger on a real Redis with simulated time, and nodes that only listen. `test` gives each test a ledger of its own
 * and checks the invariants of every queue afterwards.
 */
import { Redis } from "ioredis";
import { expect, test as base } from "vitest";
import type { Timing } from "../../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../../protocol/ledger/jobs.ts";
import { createMaintenance, type Maintenance } from "../../protocol/ledger/maintenance.ts";
import type { Ending, NodeLedger, SlotUses } from "../../protocol/ledger/nodes.ts";
import { createNodeLedger, leaseMember } from "../../protocol/ledger/nodes.ts";
import { createScheduleLedger, type ScheduleLedger } from "../../protocol/ledger/schedules.ts";
import type { AclRole } from "../../protocol/redis/acl.ts";
import {
  controlChannel,
  dispatchChannel,
  type Naming,
  type QueueKeys,
  queueKeys,
  reportChannel,
  resultChannel,
} from "../../protocol/redis/keys.ts";
import type { RedisPort } from "../../protocol/redis/port.ts";
import type { JobSpec } from "../../protocol/wire/job.ts";
import { decodeDispatch, type Envelope } from "../../protocol/wire/messages.ts";
import { createConnection, createRedisPort } from "../../subscriber/connection/ioredis.ts";
import { type LedgerRedis, openLedgerRedis } from "./ledger-redis.ts";
import { type LedgerState, problemsOf, readState } from "./ledger-state.ts";
import { urlFor } from "./redis-users.ts";
import { until } from "./until.ts";

export const timing: Timing = { unacknowledgedMs: 1_000, leaseMs: 3_000, foreignMs: 30_000 };

/** Simulated milliseconds; never goes back. */
export interface SimulatedClock {
  readonly now: () => number;
  readonly advance: (ms: number) => void;
}

/** A listener of one channel that records what it hears. */
export interface Ear extends AsyncDisposable {
  readonly channel: string;
  /** Texts in the order of their arrival. */
  readonly heard: readonly string[];
  /** Envelopes in the order of their arrival. */
  readonly envelopes: () => readonly Envelope[];
  /** Resolves when everything that was published before the call is in `heard`. */
  readonly settled: () => Promise<void>;
  /** Stops listening. */
  readonly close: () => Promise<void>;
}

/** What a ledger test works with. */
export interface LedgerBench extends AsyncDisposable {
  /** The connection to the server that has the queue `default`. */
  readonly redis: Redis;
  /** The connections to all servers. */
  readonly servers: readonly Redis[];
  /** The port that the ledgers of functions use, as the function's user of Redis. */
  readonly port: RedisPort;
  readonly naming: Naming;
  readonly clock: SimulatedClock;
  readonly ledger: JobLedger;
  readonly nodes: NodeLedger;
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
  /** The keys of the queue `default`. */
  readonly keys: QueueKeys;
  readonly state: (queue?: string) => Promise<LedgerState>;
  /** Everything that breaks the invariants, in every queue. */
  readonly problems: () => Promise<readonly string[]>;
  /** Listens on a node's channel without joining, at the server that has `queue` (by default `default`). */
  readonly listen: (node: string, queue?: string) => Promise<Ear>;
  readonly listenToResults: () => Promise<Ear>;
  readonly listenToControl: () => Promise<Ear>;
  readonly listenToReports: (id: string) => Promise<Ear>;
  /** Listens and joins; answers the epoch. */
  readonly connect: (
    node: string,
    slots: number,
    queue?: string,
  ) => Promise<{ ear: Ear; epoch: string }>;
}

let benches = 0;

/** Opens a ledger with a key prefix of its own. */
export async function openLedger(server: LedgerRedis): Promise<LedgerBench> {
  const name = `t${++benches}`;
  const naming: Naming = { keyPrefix: name, channelPrefix: `${name}_` };
  const connections = new Map(server.urls.map((url) => [url, createConnection(url)]));
  const at = (url: string) => connections.get(url) ?? createConnection(url);
  await Promise.all([...connections.values()].map((connection) => connection.connect()));
  const redis = at(await server.urlOf("default"));
  let ms = 1_800_000_000_000;
  const clock = {
    now: () => ms,
    advance: (by: number) => {
      ms += by;
    },
  };
  const connectAs = async (role: AclRole) => {
    // A Cluster may redirect a call to any of its servers, which must know the same user.
    await Promise.all(server.urls.map((url) => urlFor(url, role, naming)));
    const connection = createConnection(await urlFor(await server.urlOf("default"), role, naming));
    await connection.connect();
    connections.set(role, connection);
    return createRedisPort(connection);
  };
  const servers = [...connections.values()];
  const port = await connectAs("function");
  const options = { redis: port, naming, timing, simulatedNow: clock.now };
  const nodes = createNodeLedger({ ...options, redis: await connectAs("subscriber") });
  const ledger = createJobLedger(options);
  const maintenance = createMaintenance(options);
  const schedules = createScheduleLedger(options);
  const ears: Ear[] = [];
  const listenTo = async (channel: string, queue = "default") => {
    const url = await server.urlOf(queue);
    const ear = await openEar(url, at(url), channel);
    ears.push(ear);
    return ear;
  };
  const listen = (node: string, queue?: string) => listenTo(dispatchChannel(naming, node), queue);
  const state = async (queue = "default") =>
    readState(at(await server.urlOf(queue)), naming, queue);
  return {
    redis,
    servers,
    port,
    naming,
    clock,
    ledger,
    nodes,
    maintenance,
    schedules,
    keys: queueKeys(naming, "default"),
    state,
    problems: async () => {
      const states = await Promise.all((await ledger.queues()).map(state));
      return states.flatMap(problemsOf);
    },
    listen,
    listenToResults: () => listenTo(resultChannel(naming)),
    listenToControl: () => listenTo(controlChannel(naming)),
    listenToReports: (id) => listenTo(reportChannel(naming, "default", id)),
    connect: async (node, slots, queue = "default") => {
      const ear = await listen(node, queue);
      const epoch = await joinAs(nodes, { queue, name: node, slots });
      return { ear, epoch };
    },
    [Symbol.asyncDispose]: async () => {
      for (const ear of ears) await ear.close();
      for (const connection of connections.values()) connection.disconnect();
    },
  };
}

/** Joins, expecting not to be superseded; answers the epoch. */
export async function joinAs(
  nodes: NodeLedger,
  node: { queue?: string; name: string; slots: number; epoch?: string; running?: string[] },
): Promise<string> {
  const { queue = "default", name, slots, epoch = null, running = [] } = node;
  const joined = await nodes.join({ queue, name, epoch, slots, info: "{}", running });
  if (joined.kind === "superseded") throw new Error(`expected ${name} not to be superseded`);
  return joined.epoch;
}

async function openEar(url: string, commands: Redis, channel: string): Promise<Ear> {
  const subscription = new Redis(url);
  subscription.on("error", () => undefined); // the test fails anyway when a marker is not heard
  const heard: string[] = [];
  let markers = 0;
  let seen = 0;
  subscription.on("message", (_, text) => {
    if (text.startsWith("marker,")) seen++;
    else heard.push(text);
  });
  await subscription.subscribe(channel);
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await subscription.quit();
  };
  return {
    channel,
    heard,
    envelopes: () =>
      heard.flatMap((text) => {
        const message = decodeDispatch(text);
        return message.kind === "jobs" ? message.envelopes : [];
      }),
    settled: async () => {
      const marker = ++markers;
      await commands.publish(channel, `marker,${marker}`);
      await until(() => seen >= marker, { or: `the marker was not heard on ${channel}` });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A job's content; everything but the id has a default. */
export function job(id: string, more: Partial<JobSpec> = {}): JobSpec {
  return { id, name: "echo", queue: "default", ...more };
}

/** `count` jobs named `<prefix>1 …`. */
export function jobs(count: number, prefix = "j", more: Partial<JobSpec> = {}): JobSpec[] {
  return Array.from({ length: count }, (_, at) => job(`${prefix}${at + 1}`, more));
}

/** An ending of the attempt that `envelope` delivered; its text is a result message as a subscriber writes it. */
export function ended(
  envelope: Envelope,
  state: Ending["state"] = "succeeded",
  result: string = envelope.id,
): Ending {
  const { id, token, node, name, queue, attempt } = envelope;
  const text =
    state === "released"
      ? ""
      : JSON.stringify({ v: 1, id, name, queue, node, token, attempt, state, result });
  return { id, token, node, state, text };
}

/** The lease of an attempt. */
export const memberOf: (envelope: Envelope) => string = leaseMember;

/** What a subscriber says about nodes that it has left, or that another subscriber has taken. */
export function passing(...nodes: readonly string[]): SlotUses {
  return { nodes: nodes.map((node) => ({ node, mode: "pass", waiting: false })), wasBusy: false };
}

/** What a subscriber says about nodes that it serves. */
export function taking(...nodes: readonly string[]): SlotUses {
  return { nodes: nodes.map((node) => ({ node, mode: "take", waiting: false })), wasBusy: false };
}

/** A test with one Redis for each file and one ledger for each test, whose invariants must hold at the end. */
export const test = base.extend<{ bench: LedgerBench; server: LedgerRedis }>({
  server: [
    async ({}, use) => {
      await using server = await openLedgerRedis();
      await use(server);
    },
    { scope: "file" },
  ],
  bench: async ({ server }, use) => {
    await using bench = await openLedger(server);
    await use(bench);
    expect(await bench.problems(), "invariants of the ledger").toEqual([]);
  },
});
