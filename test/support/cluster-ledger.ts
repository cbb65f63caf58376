/** A ledger on a Cluster, on its own clock, for tests of real subscribers; reached through one of the masters. */
import type { Redis } from "ioredis";
import { defaultTiming } from "../../protocol/ledger/binding.ts";
import { defaultNaming } from "../../protocol/redis/keys.ts";
import { createJobLedger, type JobLedger } from "../../protocol/ledger/jobs.ts";
import type { Stored } from "../../protocol/wire/record.ts";
import { createMaintenance } from "../../protocol/ledger/maintenance.ts";
import { createConnection, createRedisPort } from "../../subscriber/connection/ioredis.ts";
import { problemsOf, readState, type LedgerState } from "./ledger-state.ts";
import { masterOf, type RedisCluster } from "./redis-cluster.ts";
import { until } from "./until.ts";

export interface ClusterLedger extends AsyncDisposable {
  readonly ledger: JobLedger;
  /** At the master that had `queue` when the Cluster was formed. */
  readonly at: (queue: string) => Promise<Redis>;
  readonly state: (queue: string) => Promise<LedgerState>;
  /** What breaks the invariants, in every queue. */
  readonly problems: () => Promise<readonly string[]>;
  /** Resolves to the job once it has ended. */
  readonly ended: (id: string, queue: string) => Promise<Stored>;
  /** Ids of the results that wait to be recorded. */
  readonly unrecorded: (queues: readonly string[]) => Promise<readonly string[]>;
}

/** Connects to all masters; the ledger itself knows the first one only. */
export async function openClusterLedger({ masters }: RedisCluster): Promise<ClusterLedger> {
  const connections = new Map(masters.map(({ url }) => [url, createConnection(url)]));
  const to = (url: string) => connections.get(url) ?? createConnection(url);
  await Promise.all([...connections.values()].map((connection) => connection.connect()));
  const at = async (queue: string) => to((await masterOf(masters, queue)).url);
  const redis = createRedisPort(to(masters[0]?.url ?? ""));
  const options = { redis, naming: defaultNaming, timing: defaultTiming };
  const ledger = createJobLedger(options);
  const maintenance = createMaintenance(options);
  const state = async (queue: string) => readState(await at(queue), defaultNaming, queue);
  return {
    ...{ ledger, at, state },
    problems: async () => {
      const states = await Promise.all((await ledger.queues()).map(state));
      return states.flatMap(problemsOf);
    },
    ended: async (id, queue) => {
      let found: Stored | null = null;
      await until(
        async () => {
          found = await ledger.read(queue, id);
          return found?.ended !== undefined;
        },
        { within: 15_000, or: () => `${id} to end; it is ${JSON.stringify(found)}` },
      );
      return found as unknown as Stored;
    },
    unrecorded: async (queues) => {
      const entries = (await maintenance.undelivered(queues, 0, 1_000)).flatMap(
        ({ value }) => value,
      );
      const texts = entries.map(({ results }) => results).join(" ");
      return [...texts.matchAll(/"id":"([^"]+)"/g)].map(([, id = ""]) => id).toSorted();
    },
    [Symbol.asyncDispose]: () => {
      for (const connection of connections.values()) connection.disconnect();
      return Promise.resolve();
    },
  };
}
