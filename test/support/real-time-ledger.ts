/** A ledger on Redis's own clock, as the function uses it, for tests of real subscribers. */
import type { Redis } from "ioredis";
import { createJobLedger, type JobLedger } from "../../protocol/ledger/jobs.ts";
import { createMaintenance, type Maintenance } from "../../protocol/ledger/maintenance.ts";
import { createScheduleLedger, type ScheduleLedger } from "../../protocol/ledger/schedules.ts";
import { defaultNaming, type Naming } from "../../protocol/redis/keys.ts";
import type { JobSigner } from "../../protocol/signing/job.ts";
import type { JobSpec } from "../../protocol/wire/job.ts";
import type { Stored } from "../../protocol/wire/record.ts";
import { readConfig } from "../../subscriber/config/config.ts";
import { createConnection, createRedisPort } from "../../subscriber/connection/ioredis.ts";
import { untilEnded } from "./ledger-ended.ts";
import { type LedgerState, problemsOf, readState } from "./ledger-state.ts";
import { shortTiming } from "./subscriber.ts";
import { until } from "./until.ts";

/** What a test of real subscribers works with. */
export interface RealLedger extends AsyncDisposable {
  readonly redis: Redis;
  readonly ledger: JobLedger;
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
  readonly state: (queue?: string) => Promise<LedgerState>;
  /** Everything that breaks the invariants, in every queue. */
  readonly problems: () => Promise<readonly string[]>;
  /** Resolves to the job once it has ended. */
  readonly ended: (id: string, queue?: string) => Promise<Stored>;
  /** Resolves when all of `specs` have ended. */
  readonly allEnded: (specs: readonly JobSpec[], within?: number) => Promise<void>;
}

export interface RealLedgerOptions {
  readonly naming?: Naming;
  /** Whether to delete everything in Redis first. @default true */
  readonly empty?: boolean;
  readonly signer?: JobSigner;
}

/** Connects to the Redis at `url`. */
export async function openRealLedger(
  url: string,
  { naming = defaultNaming, empty = true, signer }: RealLedgerOptions = {},
): Promise<RealLedger> {
  const redis = createConnection(url);
  redis.on("error", () => undefined); // tests kill the server; commands fail by themselves
  await redis.connect();
  if (empty) await redis.flushall();
  const { timing } = readConfig({
    SIGNALBOX_NODES: "1",
    SIGNALBOX_HANDLERS: "none",
    REDIS_URL: url,
    ...shortTiming,
  });
  const options = { redis: createRedisPort(redis), naming, timing, ...(signer && { signer }) };
  const ledger = createJobLedger(options);
  const maintenance = createMaintenance(options);
  const schedules = createScheduleLedger(options);
  const resultsOf = (queue: string) => `${naming.keyPrefix}:{${queue}}:results`;
  return {
    redis,
    ledger,
    maintenance,
    schedules,
    state: (queue = "default") => readState(redis, naming, queue),
    problems: async () => {
      const queues = await ledger.queues();
      const states = await Promise.all(queues.map((queue) => readState(redis, naming, queue)));
      return states.flatMap(problemsOf);
    },
    ended: (id, queue = "default") => untilEnded(id, () => ledger.read(queue, id), 10_000),
    allEnded: async (specs, within = 25_000) => {
      const queues = [...new Set(specs.map(({ queue }) => queue))];
      let count = 0;
      await until(
        async () => {
          const counts = await Promise.all(queues.map((queue) => redis.hlen(resultsOf(queue))));
          count = counts.reduce((sum, each) => sum + each, 0);
          return count >= specs.length;
        },
        { within, or: () => `${count} of ${specs.length} jobs to end` },
      );
    },
    [Symbol.asyncDispose]: () => {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}
