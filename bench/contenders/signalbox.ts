/**
 * Signalbox: the subscriber as `subscriber/main.ts` assembles it, except that it logs nothing (like its peers) and that
 * its outbox records results as the function does: one `XDEL` for each callback, one callback at a time.
 */
import type { Redis } from "ioredis";
import { pino } from "pino";
import { createProducer } from "../../producer/producer.ts";
import { defaultTiming } from "../../protocol/ledger/binding.ts";
import { createMaintenance, type Maintenance } from "../../protocol/ledger/maintenance.ts";
import { defaultNaming } from "../../protocol/redis/keys.ts";
import { readConfig } from "../../subscriber/config/config.ts";
import { createConnection, createRedisPort } from "../../subscriber/connection/ioredis.ts";
import { createEvents } from "../../subscriber/events.ts";
import { createGuard } from "../../subscriber/guard/guard.ts";
import type { Delivery, Outbox } from "../../subscriber/outcome/outbox.ts";
import { createSubscriber } from "../../subscriber/subscriber.ts";
import type { Contender, Payload } from "../contender.ts";

const queue = "default";
const jobName = "bench";

export const signalbox: Contender = {
  async consume({ url, slots, node, run, onRecorded }) {
    const recording = await connected(url);
    const events = createEvents((error) => {
      throw error;
    });
    const config = readConfig({
      REDIS_URL: url,
      SIGNALBOX_NODES: node,
      SIGNALBOX_SLOTS: String(slots),
      SIGNALBOX_HANDLERS: "given",
      LOG_LEVEL: "silent",
    });
    const log = pino({ level: "silent" });
    const guard = createGuard({ config, log });
    await guard.start();
    const subscriber = createSubscriber({
      config,
      guard,
      module: { handlers: { [jobName]: (payload) => run(payload as Payload) }, catalog: undefined },
      commands: createConnection(url),
      subscription: createConnection(url),
      outbox: createRecorder(createMaintenance(optionsOf(recording)), onRecorded),
      events,
      log,
    });
    const { promise: listening, resolve } = Promise.withResolvers<unknown>();
    events.on("listening", resolve);
    subscriber.start();
    await listening;
    return {
      close: async () => {
        await subscriber.stop();
        await guard.stop();
        recording.disconnect();
      },
    };
  },

  async connect({ url }) {
    const producer = await createProducer({ redisUrl: url });
    const orderOf = (payload: Payload) => ({ name: jobName, queue, payload: { ...payload } });
    return {
      async call(payload) {
        const { id, state } = await producer.run(orderOf(payload));
        if (state !== "succeeded") throw new Error(`job ${id} ${state}`);
      },
      async add(payloads) {
        await producer.dispatchBatch(payloads.map(orderOf));
      },
      settled: () => Promise.resolve(),
      close: () => {
        producer.close();
        return Promise.resolve();
      },
    };
  },
};

async function connected(url: string): Promise<Redis> {
  const connection = createConnection(url);
  await connection.connect();
  return connection;
}

function optionsOf(connection: Redis) {
  return { redis: createRedisPort(connection), naming: defaultNaming, timing: defaultTiming };
}

/** Removes stored results from the ledger's outbox; results that come during a call go in the next one. */
function createRecorder(maintenance: Maintenance, onRecorded: (count: number) => void): Outbox {
  let pending: Delivery[] = [];
  let current: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      const taken = await maintenance.ack(new Map([[queue, batch.map(({ entry }) => entry)]]));
      if (taken !== batch.length) throw new Error(`recorded ${taken} of ${batch.length} entries`);
      onRecorded(batch.reduce((sum, { texts }) => sum + texts.length, 0));
    }
    current = undefined;
  }

  return {
    add(delivery) {
      pending.push(delivery);
      current ??= run();
    },
    flush: async () => {
      await current;
    },
    stop: () => undefined,
  };
}
