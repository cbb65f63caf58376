/**
 * Delivers stored results to the function's callback: signed, in batches, one request at a time, with back-off. What is
 * lost here (in a crash, or by the bound below) is still in the ledger's outbox, which the function's tick drains.
 */
import { randomUUID } from "node:crypto";
import type { SigningKeys } from "../../protocol/signing/keys.ts";
import { sign } from "../../protocol/signing/webhook.ts";
import { backoffMs } from "../connection/backoff.ts";
import { sleep } from "../connection/sleep.ts";
import type { SubscriberEvents } from "../events.ts";

/** One entry of the ledger's outbox, and the result messages in it. */
export interface Delivery {
  readonly queue: string;
  /** The id of the entry. */
  readonly entry: string;
  /** As JSON texts. */
  readonly texts: readonly string[];
}

/** Bounds of one request, and of what is kept in memory while the callback does not answer. */
const maxDeliveries = 500;
const maxBytes = 1_048_576;
const maxKeptBytes = 33_554_432;
/** How long the callback may take to answer, in milliseconds. */
const answerMs = 15_000;

/** What an outbox is given. */
export interface OutboxOptions {
  /** The callback: `POST /v1/results` of the function. */
  readonly url: string;
  readonly keys: SigningKeys;
  readonly events: SubscriberEvents;
  /** @default the global one */
  readonly fetch?: typeof fetch;
}

/** See `createOutbox`. */
export interface Outbox {
  /** Has it delivered, with others that wait, and again until the callback accepts it. Never throws. */
  readonly add: (delivery: Delivery) => void;
  /** Resolves when everything is delivered, or after `withinMs` milliseconds. Never rejects. */
  readonly flush: (withinMs: number) => Promise<void>;
  /** Drops what has not been delivered, and delivers no more. */
  readonly stop: () => void;
}

/** For a subscriber without a callback: leaves every result to the tick. */
export const noOutbox: Outbox = {
  add: () => undefined,
  flush: () => Promise.resolve(),
  stop: () => undefined,
};

/** Creates the outbox. */
export function createOutbox({ url, keys, events, fetch: send = fetch }: OutboxOptions): Outbox {
  const stopped = new AbortController();
  let pending: Delivery[] = [];
  let keptBytes = 0;
  let current: Promise<void> | undefined;

  function takeBatch(): Delivery[] {
    let bytes = 0;
    let count = 0;
    for (const delivery of pending) {
      bytes += sizeOf(delivery);
      if (count > 0 && (count === maxDeliveries || bytes > maxBytes)) break;
      count++;
    }
    const batch = pending.slice(0, count);
    pending = pending.slice(count);
    return batch;
  }

  async function post(batch: readonly Delivery[]): Promise<void> {
    const deliveries = batch.map(
      ({ queue, entry, texts }) =>
        `{"queue":"${queue}","entry":"${entry}","results":[${texts.join(",")}]}`,
    );
    const body = `{"deliveries":[${deliveries.join(",")}]}`;
    const signed = await sign(keys, { id: `msg_${randomUUID()}`, body, nowMs: Date.now() });
    const response = await send(url, {
      method: "POST",
      headers: { ...signed, "content-type": "application/json" },
      body,
      redirect: "error",
      signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(answerMs)]),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${answer.slice(0, 300)}`);
  }

  async function deliver(batch: readonly Delivery[]): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        await post(batch);
        events.emit("results:delivered", { count: batch.flatMap(({ texts }) => texts).length });
        return;
      } catch (error) {
        if (stopped.signal.aborted) return;
        const retryInMs = backoffMs(failures, { firstMs: 250, capMs: 60_000 });
        const reason = error instanceof Error ? error.message : String(error);
        events.emit("results:refused", { reason, retryInMs });
        await sleep(retryInMs, stopped.signal);
      }
    }
  }

  async function run(): Promise<void> {
    while (pending.length > 0) {
      const batch = takeBatch();
      await deliver(batch);
      for (const delivery of batch) keptBytes -= sizeOf(delivery);
    }
    current = undefined;
  }

  return {
    add(delivery) {
      if (keptBytes > maxKeptBytes) return; // the tick will find it in the ledger
      keptBytes += sizeOf(delivery);
      pending.push(delivery);
      current ??= run();
    },
    async flush(withinMs) {
      // `current` is undefined where nothing waits: then the race is won immediately.
      const patience = new AbortController();
      await Promise.race([current, sleep(withinMs, patience.signal)]);
      patience.abort();
    },
    stop() {
      pending = [];
      stopped.abort();
    },
  };
}

function sizeOf({ texts }: Delivery): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 64);
}
