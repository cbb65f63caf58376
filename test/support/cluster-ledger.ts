/** A ledger on a Redis Cluster and its clock, for tests of real subscribers; reached through one of the masters. */
import type { Redis } from "ioredis";
import { defaultTiming } from "../../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../../protocol/ledger/jobs.ts";
import { createMaintenance } from "../../protocol/ledger/maintenance.ts";
import { defaultNaming } from "../../protocol/redis/keys.ts";
import type { Stored } from "../../protocol/wire/record.ts";
import { createConnection, createRedisPort } from "../../subscriber/connection/ioredis.ts";
import { untilEnded } from "./ledger-ended.ts";
import { type LedgerState, problemsOf, readState } from "./ledger-state.ts";
import { masterOf, type RedisCluster } from "./redis-cluster.ts";

/** What a test of subscribers on a Cluster works with. */
export interface ClusterLedger extends AsyncDisposable {
  readonly ledger: JobLedger;
  /** The connection to the master that had `queue` when the Cluster was formed. */
  readonly at: (queue: string) => Promise<Redis>;
  readonly state: (queue: string) => Promise<LedgerState>;
  /** Everything that breaks the invariants, in every queue. */
  readonly problems: () => Promise<readonly string[]>;
  /** Resolves to the job once it has ended. */
  readonly ended: (id: string, queue: string) => Promise<Stored>;
  /** Ids of the jobs whose results wait to be recorded. */
  readonly unrecorded: (queues: readonly string[]) => Promise<readonly string[]>;
}

/** Connects to all masters; the ledger itself knows only the first. */
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
    ledger,
    at,
    state,
    problems: async () => {
      const states = await Promise.all((await ledger.queues()).map(state));
      return states.flatMap(problemsOf);
    },
    ended: (id, queue) => untilEnded(id, () => ledger.read(queue, id), 15_000),
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
