/** The ledger used directly, in the bench's own process: for what is asked of the scripts alone. */
import { defaultTiming } from "../protocol/binding.ts";
import { defaultNaming } from "../protocol/keys.ts";
import { createLedger, type Ledger } from "../protocol/ledger.ts";
import { createNodeLedger, type NodeLedger } from "../protocol/node-ledger.ts";
import { createSchedules, type Schedules } from "../protocol/schedule-ledger.ts";
import { createUpkeep, type Upkeep } from "../protocol/upkeep.ts";
import { createConnection, createRedisPort } from "../subscriber/ioredis.ts";

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
