/** Hears how jobs end, on `CHANNEL_RESULT`, and asks the ledger for what it may have missed. */
import type { JobLedger } from "../protocol/ledger/jobs.ts";
import { type Naming, resultChannel } from "../protocol/redis/keys.ts";
import { decodeResults } from "../protocol/wire/messages.ts";
import { createConnection } from "../subscriber/connection/ioredis.ts";
import { type ChannelReceiver, createListener } from "../subscriber/connection/listener.ts";
import type { Waiters } from "./waiters.ts";

/** See `createResultListener`. */
export interface ResultListener {
  /** Resolves once it listens, for the first time; connects when it is first called. Waits while Redis is away. */
  listening(): Promise<void>;
  /**
   * Settles the waiters of a job that has ended, from the ledger: its result may have been published while nobody
   * listened.
   * @throws SignalboxError if Redis fails
   */
  check(queue: string, id: string): Promise<void>;
  /** Ends the connection for good. */
  stop(): void;
}

/** What it is given. */
export interface ResultListenerOptions {
  readonly redisUrl: string;
  readonly naming: Naming;
  /** How often the connection is proved alive, in milliseconds. */
  readonly pingMs: number;
  readonly ledger: Pick<JobLedger, "read">;
  readonly waiters: Waiters;
}

/** Creates the listener; nothing is connected yet. */
export function createResultListener(options: ResultListenerOptions): ResultListener {
  const { redisUrl, naming, pingMs, ledger, waiters } = options;
  const channels = [resultChannel(naming)];
  const listener = createListener({ redis: createConnection(redisUrl), channels, pingMs });
  const isListening = Promise.withResolvers<undefined>();
  let hasStarted = false;

  function settle(text: string): void {
    const message = decodeResults(text);
    if (message.kind === "results") waiters.settle(message.results);
  }

  async function check(queue: string, id: string): Promise<void> {
    const job = await ledger.read(queue, id);
    if (job?.ended !== undefined) settle(job.ended.text);
  }

  const receiver: ChannelReceiver = {
    receive(_channel, text) {
      // Every producer hears every result: parse none that nobody waits for.
      if (!waiters.isEmpty && text !== null) settle(text);
    },
    subscribed() {
      isListening.resolve(undefined);
      for (const { queue, id } of waiters.jobs()) {
        check(queue, id).catch(() => undefined); // checked again after the next connection
      }
    },
    disconnected: () => undefined,
  };

  return {
    async listening() {
      if (!hasStarted) listener.start(receiver);
      hasStarted = true;
      await isListening.promise;
    },
    check,
    stop: () => {
      listener.stop();
    },
  };
}
