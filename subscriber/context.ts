/**
 * What every part of one subscriber shares: settings, ledgers, events, and the tables of what it holds and runs.
 * Made once, before any part. Each part states in an interface of its own which fields it reads.
 */
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Timing } from "../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../protocol/ledger/jobs.ts";
import { createMaintenance, type Maintenance } from "../protocol/ledger/maintenance.ts";
import { createNodeLedger, type NodeLedger } from "../protocol/ledger/nodes.ts";
import { createScheduleLedger, type ScheduleLedger } from "../protocol/ledger/schedules.ts";
import type { Naming } from "../protocol/redis/keys.ts";
import type { RedisPort } from "../protocol/redis/port.ts";
import type { JobVerifier } from "../protocol/signing/job.ts";
import { type Attempts, createAttempts } from "./attempt/attempts.ts";
import type { HandlerModule } from "./attempt/runner.ts";
import { type ClusterShare, singleServer } from "./cluster/share.ts";
import type { Config } from "./config/config.ts";
import type { AssignmentConfig } from "./config/nodes.ts";
import { createRedisPort } from "./connection/ioredis.ts";
import type { SubscriberEvents } from "./events.ts";
import { type Guard, noGuard } from "./guard/guard.ts";
import { type Assignment, createAssignment } from "./membership/assignment.ts";
import type { Outbox } from "./outcome/outbox.ts";

/** What a subscriber is given. It connects both connections, unless they are connected already, and closes both. */
export interface SubscriberOptions {
  readonly config: Config;
  readonly module: HandlerModule;
  /** The connection for commands. */
  readonly commands: Redis;
  /** The connection that subscribes. */
  readonly subscription: Redis;
  readonly outbox: Outbox;
  readonly events: SubscriberEvents;
  readonly log: Logger;
  /** Decides which jobs may run. @default all jobs run */
  readonly verify?: JobVerifier | undefined;
  /** Keeps leases while the event loop is blocked. It is started and stopped by its creator. @default none */
  readonly guard?: Guard;
  /** Which part of the process's work is this subscriber's. @default all of it */
  readonly share?: ClusterShare;
  /** The reply to `INFO`, if it has been asked already. */
  readonly info?: string;
}

/** See the head of this file. */
export interface SubscriberContext {
  readonly config: Config;
  readonly naming: Naming;
  readonly timing: Timing;
  readonly module: HandlerModule;
  readonly verify: JobVerifier | undefined;
  readonly share: ClusterShare;
  readonly guard: Guard;
  readonly events: SubscriberEvents;
  readonly log: Logger;
  readonly outbox: Outbox;
  readonly redis: RedisPort;
  readonly jobLedger: JobLedger;
  readonly nodeLedger: NodeLedger;
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
  /** The nodes that this subscriber serves, each in one queue. */
  readonly assignments: readonly Assignment[];
  /** The queues of the assignments, each once. */
  readonly queues: readonly string[];
  /** The assignments whose nodes' channels it hears: the home of a Cluster hears all nodes of the process. */
  readonly heard: readonly AssignmentConfig[];
  readonly attempts: Attempts;
  /** Aborted by `drain.ts` when nothing is left to do: ends every wait between two tries. */
  readonly stopping: AbortController;
}

/** Makes the context of one subscriber. Connects nothing. */
export function createSubscriberContext(options: SubscriberOptions): SubscriberContext {
  const { config, module, outbox, events, log } = options;
  const { share = singleServer, guard = noGuard } = options;
  const { naming, timing } = config;
  const redis = createRedisPort(options.commands, share.onMoved);
  const assignments = config.assignments.map(createAssignment);
  return {
    config,
    naming,
    timing,
    module,
    verify: options.verify,
    share,
    guard,
    events,
    log,
    outbox,
    redis,
    jobLedger: createJobLedger({ redis, naming, timing }),
    nodeLedger: createNodeLedger({ redis, naming, timing }),
    maintenance: createMaintenance({ redis, naming, timing }),
    schedules: createScheduleLedger({ redis, naming, timing }),
    assignments,
    queues: [...new Set(assignments.map(({ queue }) => queue))],
    heard: share.isHome ? [...config.assignments, ...share.elsewhere] : config.assignments,
    attempts: createAttempts(guard),
    stopping: new AbortController(),
  };
}
