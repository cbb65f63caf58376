/** A foreign node, which knows nothing of Signalbox: it echoes what it receives, and reconnects after outages. */
import { Redis } from "ioredis";
import { defaultNaming, dispatchChannel, resultChannel } from "../../protocol/redis/keys.ts";
import { foreignNode } from "./jobs.ts";

/** Starts the node; the returned function ends it. */
export function startForeignNode(url: string): () => void {
  const ears = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  const mouth = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: 0 });
  for (const each of [ears, mouth]) each.on("error", () => undefined);
  ears.on("message", (_channel: string, text: string) => {
    mouth.publish(resultChannel(defaultNaming), text).catch(() => undefined);
  });
  void ears.subscribe(dispatchChannel(defaultNaming, foreignNode)).catch(() => undefined);
  return () => {
    ears.disconnect();
    mouth.disconnect();
  };
}
