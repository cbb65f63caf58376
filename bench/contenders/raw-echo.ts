/** The upper limit: one `PUBLISH` in each direction, over the client that Signalbox uses. Stores nothing. */
import { Redis } from "ioredis";
import { createArrivals } from "../arrivals.ts";
import type { Contender, Payload } from "../contender.ts";

const there = "bench:there";
const back = "bench:back";

export const rawEcho: Contender = {
  async consume({ url, run, onRecorded }) {
    const [subscription, commands] = [new Redis(url), new Redis(url)];
    subscription.on("message", (_, text) => {
      const payload = JSON.parse(text) as Payload;
      void run(payload)
        .then(() => commands.publish(back, String(payload.n)))
        .then(() => {
          onRecorded(1);
        });
    });
    await subscription.subscribe(there);
    return { close: () => quit(subscription, commands) };
  },

  async connect({ url }) {
    const [subscription, commands] = [new Redis(url), new Redis(url)];
    const arrivals = createArrivals();
    let open: Promise<unknown> = Promise.resolve();
    subscription.on("message", (_, n) => {
      arrivals.arrived(n);
    });
    await subscription.subscribe(back);
    const send = (payload: Payload) => commands.publish(there, JSON.stringify(payload));
    return {
      async call(payload) {
        const result = arrivals.of(String(payload.n));
        await send(payload);
        await result;
      },
      async add(payloads) {
        open = Promise.all([open, ...payloads.map(({ n }) => arrivals.of(String(n)))]);
        await Promise.all(payloads.map(send));
      },
      settled: async () => {
        await open;
      },
      close: () => quit(subscription, commands),
    };
  },
};

async function quit(...connections: readonly Redis[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.quit()));
}
