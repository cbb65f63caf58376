/** The ledger in the bench's own process, to measure the scripts without a function or a subscriber. */
import { defaultTiming } from "../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../protocol/ledger/jobs.ts";
import { createMaintenance, type Maintenance } from "../protocol/ledger/maintenance.ts";
import { createNodeLedger, type NodeLedger } from "../protocol/ledger/nodes.ts";
import { createScheduleLedger, type ScheduleLedger } from "../protocol/ledger/schedules.ts";
import { defaultNaming } from "../protocol/redis/keys.ts";
import { createConnection, createRedisPort } from "../subscriber/connection/ioredis.ts";

/** Every part of the ledger, over one connection. */
export interface DirectLedger extends Disposable {
  readonly ledger: JobLedger;
  readonly nodes: NodeLedger;
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
}

/** Connects to the Redis at `url`. */
export async function openLedger(url: string): Promise<DirectLedger> {
  const connection = createConnection(url);
  await connection.connect();
  const redis = createRedisPort(connection);
  const options = { redis, naming: defaultNaming, timing: defaultTiming };
  return {
    ledger: createJobLedger(options),
    nodes: createNodeLedger(options),
    maintenance: createMaintenance(options),
    schedules: createScheduleLedger(options),
    [Symbol.dispose]: () => {
      connection.disconnect();
    },
  };
}

/** Runs `work` and resolves to its duration in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
