/**
 * Gathers items into calls: what comes while a call is under way goes together in the next, so a busy process
 * makes few, large calls, and an idle one makes each at once. Large ones go in two, so that Redis and this
 * process work at the same time: in lockstep each waits for the other (100 slots of short jobs, measured).
 */

/** Bounds of one call. */
const maxItems = 1_000;
const maxBytes = 4_194_304;
/** From so many on a second call goes along with the first. Smaller ones would cost more commands an item. */
const manyItems = 32;

/** What a gatherer is given. */
export interface BatcherOptions<Item> {
  /** Length of one item in a call, about, in bytes. */
  readonly sizeOf: (item: Item) => number;
  /** Makes one call; tries again by itself, and resolves when the items are dealt with or given up. */
  readonly send: (items: readonly Item[]) => Promise<void>;
  /** Once aborted, no further call is made. */
  readonly signal: AbortSignal;
}

/** Creates a gatherer. */
export function createBatcher<Item>({ sizeOf, send, signal }: BatcherOptions<Item>) {
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

  /** After the promises that settle now: what comes with them goes together. */
  function kick(): void {
    if (isKicked) return;
    isKicked = true;
    process.nextTick(() => {
      isKicked = false;
      run();
    });
  }

  return {
    /** Takes one item; it is sent with all others that come at once. */
    add: (item: Item): void => {
      pending.push(item);
      kick();
    },
    /** Has a call made even if there is no item. */
    call: (): void => {
      isCallWanted = true;
      kick();
    },
  };
}
