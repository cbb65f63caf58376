/** bee-queue with its defaults. */
import Queue from "bee-queue";
import { createArrivals } from "../arrivals.ts";
import type { Contender, Payload } from "../contender.ts";

const queueName = "bench";

export const beeQueue: Contender = {
  async consume({ url, slots, run, onRecorded }) {
    const queue = new Queue<Payload>(queueName, { redis: addressOf(url), storeJobs: false });
    queue.on("succeeded", () => {
      onRecorded(1);
    });
    await queue.ready();
    queue.process(slots, ({ data }) => run(data));
    return { close: () => queue.close() };
  },

  async connect({ url, hears }) {
    const queue = new Queue<Payload>(queueName, {
      redis: addressOf(url),
      isWorker: false,
      getEvents: hears,
      storeJobs: false,
    });
    const arrivals = createArrivals();
    queue.on("job succeeded", (id) => {
      arrivals.arrived(id);
    });
    await queue.ready();
    return {
      async call(payload) {
        const { id } = await queue.createJob(payload).save();
        await arrivals.of(id);
      },
      async add(payloads) {
        const failed = await queue.saveAll(payloads.map((payload) => queue.createJob(payload)));
        if (failed.size > 0) throw new Error(`${failed.size} jobs were not saved`);
      },
      settled: () => Promise.resolve(),
      close: () => queue.close(),
    };
  },
};

function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
