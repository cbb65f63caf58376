/** Bull 4 with its defaults. */
import { once } from "node:events";
import Queue from "bull";
import { createArrivals } from "../arrivals.ts";
import type { Contender, Payload } from "../contender.ts";

const queueName = "bench";

export const bull: Contender = {
  async consume({ url, slots, run, onRecorded }) {
    const queue = new Queue<Payload>(queueName, url);
    queue.on("completed", () => {
      onRecorded(1);
    });
    void queue.process(slots, ({ data }) => run(data));
    await queue.isReady();
    return { close: () => queue.close() };
  },

  async connect({ url, hears }) {
    const queue = new Queue<Payload>(queueName, url);
    const arrivals = createArrivals();
    await queue.isReady();
    if (hears) {
      // A job that ends before Bull has subscribed would never be reported.
      const registered = once(queue, "registered:global:completed");
      queue.on("global:completed", (id: string | number) => {
        arrivals.arrived(String(id));
      });
      await registered;
    }
    return {
      async call(payload) {
        const { id } = await queue.add(payload);
        await arrivals.of(String(id));
      },
      async add(payloads) {
        await queue.addBulk(payloads.map((data) => ({ data })));
      },
      settled: () => Promise.resolve(),
      close: () => queue.close(),
    };
  },
};
