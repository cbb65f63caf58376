/**
 * Batches items into calls: what is added while a call is under way goes together in the next, so a busy process makes
 * few, large calls, and an idle one makes each call immediately. A large batch goes in two calls, so that Redis and this
 * process work at the same time: in lockstep each waits for the other (measured with 100 slots of short jobs).
 */

/** Bounds of one call. */
const maxItems = 1_000;
const maxBytes = 4_194_304;
/** How many waiting items start a second, concurrent call. Calls with fewer items cost more commands an item. */
const manyItems = 32;

/** What a batcher is given. */
export interface BatcherOptions<Item> {
  /** About how many bytes one item takes in a call. */
  readonly sizeOf: (item: Item) => number;
  /** Makes one call. Retries by itself; resolves when the items are dealt with or given up, and never rejects. */
  readonly send: (items: readonly Item[]) => Promise<void>;
  /** Once aborted, no further call is made. */
  readonly signal: AbortSignal;
}

/** See `createBatcher`. */
export interface Batcher<Item> {
  /** Takes one item; it is sent with all others that are added in the same turn of the event loop. */
  readonly add: (item: Item) => void;
  /** Has a call made even if there is no item. */
  readonly call: () => void;
}

/** Creates a batcher: at most two calls are under way, each of at most 1,000 items and about 4 MiB. */
export function createBatcher<Item>(options: BatcherOptions<Item>): Batcher<Item> {
  const { sizeOf, send, signal } = options;
  let pending: Item[] = [];
  let isCallWanted = false;
  let isKicked = false;
  let underWay = 0;

  function takeBatch(): readonly Item[] {
    const calls = underWay === 0 && pending.length >= 2 * manyItems ? 2 : 1;
    const most = Math.min(maxItems, Math.ceil(pending.length / calls));
    let bytes = 0;
    let count = 0;
    for (const item of pending) {
      bytes += sizeOf(item);
      if (count > 0 && (count === most || bytes > maxBytes)) break;
      count++;
    }
    const batch = pending.slice(0, count);
    pending = pending.slice(count);
    return batch;
  }

  function isCallDue(): boolean {
    if (signal.aborted) return false;
    if (underWay === 0) return pending.length > 0 || isCallWanted;
    return underWay === 1 && pending.length >= manyItems;
  }

  function run(): void {
    while (isCallDue()) {
      isCallWanted = false;
      const batch = takeBatch();
      underWay++;
      void send(batch).finally(() => {
        underWay--;
        run();
      });
    }
  }

  /** Runs after the promises that are settling now, so that what they add goes in the same call. */
  function kick(): void {
    if (isKicked) return;
    isKicked = true;
    process.nextTick(() => {
      isKicked = false;
      run();
    });
  }

  return {
    add: (item) => {
      pending.push(item);
      kick();
    },
    call: () => {
      isCallWanted = true;
      kick();
    },
  };
}
