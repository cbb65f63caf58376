/**
 * Delivers stored results to the function's callback: signed, in batches of what the callback manages, one request at a
 * time, with back-off. What its hook refuses is set aside and goes in requests of its own. What is lost here (in a crash, or
 * by the bound below) is still in the ledger's outbox, which the function's tick drains.
 */
import type { SigningKeys } from "../../protocol/signing/keys.ts";
import { backoffMs } from "../connection/backoff.ts";
import { sleep } from "../connection/sleep.ts";
import type { SubscriberEvents } from "../events.ts";
import { createBatchLimit } from "./batch-limit.ts";
import { countOf, createCallback, type Delivery, type Remaining, type Taken } from "./callback.ts";
import { createSetAside, type Refused } from "./set-aside.ts";

export type { Delivery } from "./callback.ts";

/** Bounds of one request, and of what is kept in memory while the callback does not answer. */
const maxDeliveries = 500;
const maxBytes = 1_048_576;
const maxKeptBytes = 33_554_432;

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
  /**
   * Resolves when everything is delivered but what the hook refuses, or after `withinMs` milliseconds. Never rejects.
   */
  readonly flush: (withinMs: number) => Promise<void>;
  /** Gives up: what is not delivered is left to the tick. */
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
  const post = createCallback({ url, keys, fetch: send });
  const limit = createBatchLimit();
  const inOne = (deliveries: readonly Delivery[]) => fitting(deliveries, limit.results());
  const aside = createSetAside({ fitting: inOne, send: sendAgain, signal: stopped.signal });
  let pending: Delivery[] = [];
  let keptBytes = 0;
  let current: Promise<void> | undefined;

  /** Sends a batch once. @throws what the callback threw */
  async function deliver(batch: readonly Delivery[]): Promise<Taken> {
    const count = countOf(batch);
    const startedAt = performance.now();
    const taken = await post(batch, stopped.signal).catch((error: unknown) => {
      limit.failed(count);
      throw error;
    });
    limit.succeeded(count - countOf(taken.left), performance.now() - startedAt);
    keptBytes += bytesOf(taken.left) + bytesOf(taken.refused) - bytesOf(batch);
    if (taken.recorded > 0) events.emit("results:delivered", { count: taken.recorded });
    return taken;
  }

  function setAside(refused: readonly Refused[], why: string): void {
    const waits = refused.map((each) => {
      const waitMs = aside.add(each);
      if (waitMs === null) keptBytes -= sizeOf(each.delivery);
      return waitMs;
    });
    const known = waits.filter((waitMs) => waitMs !== null);
    const retryInMs = known.length === 0 ? null : Math.min(...known);
    const reason = retryInMs === null ? `${why}; left to the tick` : why;
    const texts = refused.flatMap(({ delivery }) => delivery.texts);
    events.emit("results:refused", { reason, retryInMs, jobs: texts.slice(0, 10).map(jobOf) });
  }

  async function run(): Promise<void> {
    for (let failures = 0; pending.length > 0;) {
      const batch = pending.slice(0, inOne(pending));
      pending = pending.slice(batch.length);
      try {
        const { refused, left } = await deliver(batch);
        failures = 0;
        pending = [...left.map(plain), ...pending];
        const sinceMs = performance.now();
        const first = refused.map((each) => ({ delivery: plain(each), tries: 1, sinceMs }));
        if (first.length > 0) setAside(first, hookRefused(countOf(refused)));
      } catch (error) {
        if (stopped.signal.aborted) break;
        pending = [...batch, ...pending];
        const retryInMs = backoffMs(++failures, { firstMs: 250, capMs: 60_000 });
        events.emit("results:refused", { reason: reasonOf(error), retryInMs });
        await sleep(retryInMs, stopped.signal);
      }
    }
    current = undefined;
  }

  async function sendAgain(due: readonly Refused[]): Promise<void> {
    const triesOf = new Map(due.map((each) => [each.delivery, each]));
    try {
      const { refused, left } = await deliver(due.map(({ delivery }) => delivery));
      const again = refused.flatMap((each): Refused[] => {
        const before = triesOf.get(each.of);
        if (before === undefined) return [];
        return [{ ...before, delivery: plain(each), tries: before.tries + 1 }];
      });
      if (again.length > 0) setAside(again, hookRefused(countOf(refused)));
      if (left.length === 0) return;
      pending.push(...left.map(plain));
      current ??= run();
    } catch (error) {
      if (stopped.signal.aborted) return;
      setAside(
        due.map((each) => ({ ...each, tries: each.tries + 1 })),
        reasonOf(error),
      );
    }
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

/** How many of the deliveries, from the first on, go in one request: at least one, and no more results than `most`. */
function fitting(deliveries: readonly Delivery[], most: number): number {
  let bytes = 0;
  let results = 0;
  let count = 0;
  for (const delivery of deliveries) {
    bytes += sizeOf(delivery);
    results += delivery.texts.length;
    const isFull = count === maxDeliveries || bytes > maxBytes || results > most;
    if (count > 0 && isFull) break;
    count++;
  }
  return count;
}

function bytesOf(deliveries: readonly Delivery[]): number {
  return deliveries.reduce((sum, delivery) => sum + sizeOf(delivery), 0);
}

function sizeOf({ texts }: Delivery): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 64);
}

/** Without what it is left of, which need not be kept in memory. */
function plain({ queue, entry, texts }: Remaining): Delivery {
  return { queue, entry, texts };
}

function hookRefused(count: number): string {
  return `onResult of the function refused ${count} ${count === 1 ? "result" : "results"}; the function's log says why`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The id of the job that a result message is of. */
function jobOf(text: string): string {
  const { id } = JSON.parse(text) as { readonly id?: unknown };
  return typeof id === "string" ? id : "?";
}
