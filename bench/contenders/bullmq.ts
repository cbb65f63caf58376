/** BullMQ with its defaults. */
import { Queue, QueueEvents, Worker } from "bullmq";
import type { Contender, Payload } from "../contender.ts";

const queueName = "bench";
const jobName = "bench";

export const bullmq: Contender = {
  async consume({ url, slots, run, onRecorded }) {
    const worker = new Worker<Payload, number>(queueName, ({ data }) => run(data), {
      connection: { url },
      concurrency: slots,
    });
    worker.on("completed", () => {
      onRecorded(1);
    });
    await worker.waitUntilReady();
    return { close: () => worker.close() };
  },

  async connect({ url, hears }) {
    const queue = new Queue<Payload>(queueName, { connection: { url } });
    const events = hears ? new QueueEvents(queueName, { connection: { url } }) : undefined;
    // Every call in a window listens on both.
    for (const emitter of [queue, events]) emitter?.setMaxListeners(0);
    await Promise.all([queue.waitUntilReady(), events?.waitUntilReady()]);
    return {
      async call(payload) {
        if (events === undefined) throw new Error("connected without hearing");
        const job = await queue.add(jobName, payload);
        await job.waitUntilFinished(events);
      },
      async add(payloads) {
        await queue.addBulk(payloads.map((data) => ({ name: jobName, data })));
      },
      settled: () => Promise.resolve(),
      close: async () => {
        await Promise.all([queue.close(), events?.close()]);
      },
    };
  },
};
