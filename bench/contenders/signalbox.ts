/**
 * Signalbox: the subscriber as `subscriber/main.ts` puts it together, but for its log (the peers log
 * nothing either) and its outbox, which records as the function does: one `XDEL` a callback, one
 * callback at a time.
 */
import { pino } from "pino";
import { decodeResults } from "../../protocol/codec.ts";
import { defaultTiming } from "../../protocol/binding.ts";
import { defaultNaming, resultChannel } from "../../protocol/keys.ts";
import { createLedger } from "../../protocol/ledger.ts";
import { newJobId } from "../../protocol/names.ts";
import { createUpkeep } from "../../protocol/upkeep.ts";
import { readConfig } from "../../subscriber/config.ts";
import { createEvents } from "../../subscriber/events.ts";
import { createConnection, createRedisPort } from "../../subscriber/ioredis.ts";
import type { Delivery, Outbox } from "../../subscriber/outbox.ts";
import { createSubscriber } from "../../subscriber/subscriber.ts";
import { createArrivals } from "../arrivals.ts";
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
    const subscriber = createSubscriber({
      config,
      module: { handlers: { [jobName]: (payload) => run(payload as Payload) }, catalog: undefined },
      commands: createConnection(url),
      subscription: createConnection(url),
      outbox: createRecorder(createUpkeep(optionsOf(recording)), onRecorded),
      events,
      log: pino({ level: "silent" }),
    });
    const { promise: listening, resolve } = Promise.withResolvers<unknown>();
    events.on("listening", resolve);
    subscriber.start();
    await listening;
    return {
      close: async () => {
        await subscriber.stop();
        recording.disconnect();
      },
    };
  },

  async connect({ url }) {
    const [commands, subscription] = [await connected(url), await connected(url)];
    const ledger = createLedger(optionsOf(commands));
    const arrivals = createArrivals();
    let open: Promise<unknown> = Promise.resolve();
    subscription.on("message", (_, text) => {
      const message = decodeResults(text);
      if (message.kind !== "results") throw new Error(`unexpected result: ${text}`);
      for (const { id, state } of message.results) {
        if (state !== "succeeded") throw new Error(`job ${id} ${state}`);
        arrivals.arrived(id);
      }
    });
    await subscription.subscribe(resultChannel(defaultNaming));
    return {
      async call(payload) {
        const id = newJobId();
        const result = arrivals.of(id);
        await ledger.dispatch([{ id, name: jobName, queue, payload: { ...payload } }]);
        await result;
      },
      async add(payloads) {
        const specs = payloads.map((payload) => {
          return { id: newJobId(), name: jobName, queue, payload: { ...payload } };
        });
        open = Promise.all([open, ...specs.map(({ id }) => arrivals.of(id))]);
        await ledger.dispatch(specs);
      },
      settled: async () => {
        await open;
      },
      close: () => {
        commands.disconnect();
        subscription.disconnect();
        return Promise.resolve();
      },
    };
  },
};

type Connection = ReturnType<typeof createConnection>;

async function connected(url: string): Promise<Connection> {
  const connection = createConnection(url);
  await connection.connect();
  return connection;
}

function optionsOf(connection: Connection) {
  return { redis: createRedisPort(connection), naming: defaultNaming, timing: defaultTiming };
}

/** Takes what was stored out of the ledger's outbox; what gathers meanwhile goes in the next call. */
function createRecorder(
  upkeep: ReturnType<typeof createUpkeep>,
  onRecorded: (count: number) => void,
): Outbox {
  let pending: Delivery[] = [];
  let current: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      const taken = await upkeep.record(new Map([[queue, batch.map(({ entry }) => entry)]]));
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
