/** The ledger used directly, in the bench's own process: for what is asked of the scripts alone. */
import { defaultTiming } from "../protocol/ledger/binding.ts";
import { defaultNaming } from "../protocol/redis/keys.ts";
import { createLedger, type Ledger } from "../protocol/ledger/jobs.ts";
import { createNodeLedger, type NodeLedger } from "../protocol/ledger/nodes.ts";
import { createSchedules, type Schedules } from "../protocol/ledger/schedules.ts";
import { createUpkeep, type Upkeep } from "../protocol/ledger/maintenance.ts";
import { createConnection, createRedisPort } from "../subscriber/connection/ioredis.ts";

/** All of the ledger over one connection. */
export interface DirectLedger extends Disposable {
  readonly ledger: Ledger;
  readonly nodes: NodeLedger;
  readonly upkeep: Upkeep;
  readonly schedules: Schedules;
}

/** Connects. */
export async function openLedger(url: string): Promise<DirectLedger> {
  const connection = createConnection(url);
  await connection.connect();
  const redis = createRedisPort(connection);
  const options = { redis, naming: defaultNaming, timing: defaultTiming };
  return {
    ledger: createLedger(options),
    nodes: createNodeLedger(options),
    upkeep: createUpkeep(options),
    schedules: createSchedules(options),
    [Symbol.dispose]: () => {
      connection.disconnect();
    },
  };
}

/** Resolves to how long it took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
