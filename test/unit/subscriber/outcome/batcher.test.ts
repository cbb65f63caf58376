import { describe, test } from "vitest";
import { createBatcher } from "../../../../subscriber/outcome/batcher.ts";

/** A batcher whose calls end when the test says so. */
function create(signal = new AbortController().signal) {
  const calls: { readonly items: readonly number[]; readonly end: () => void }[] = [];
  const batcher = createBatcher<number>({
    sizeOf: (bytes) => bytes,
    send: (items) =>
      new Promise((end) => {
        calls.push({ items, end });
      }),
    signal,
  });
  const add = (count: number, bytes = 1) => {
    for (let at = 0; at < count; at++) batcher.add(bytes);
  };
  const sizes = () => calls.map(({ items }) => items.length);
  /** Lets everything happen that is due in this turn. */
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { batcher, calls, add, sizes, turn };
}

describe("a batcher", () => {
  test("sends what is added in one turn in one call", async ({ expect }) => {
    const { add, sizes, turn } = create();
    add(3);
    await turn();
    expect(sizes()).toEqual([3]);
  });

  test("keeps what comes while a call is under way for the next", async ({ expect }) => {
    const { add, calls, sizes, turn } = create();
    add(1);
    await turn();
    add(1);
    add(30);
    await turn();
    expect(sizes()).toEqual([1]);
    calls[0]?.end();
    await turn();
    expect(sizes()).toEqual([1, 31]);
  });

  test("sends much in two calls at a time, and never in three", async ({ expect }) => {
    const { add, calls, sizes, turn } = create();
    add(100);
    await turn();
    expect(sizes()).toEqual([50, 50]);
    add(100);
    await turn();
    expect(sizes()).toEqual([50, 50]);
    calls[0]?.end();
    await turn();
    expect(sizes()).toEqual([50, 50, 100]);
  });

  test("puts no more into a call than 1,000 items and 4 MiB", async ({ expect }) => {
    const { add, calls, sizes, turn } = create();
    add(2_500);
    await turn();
    for (const { end } of calls) end();
    await turn();
    expect(sizes()).toEqual([1_000, 1_000, 500]);
    const large = create();
    large.add(10, 1_048_576);
    await large.turn();
    large.calls[0]?.end();
    await large.turn();
    expect(large.sizes()).toEqual([4, 4]);
  });

  test("sends one item that is larger than a call by itself", async ({ expect }) => {
    const { add, sizes, turn } = create();
    add(2, 9_000_000);
    await turn();
    expect(sizes()).toEqual([1]);
  });

  test("makes one empty call when asked, and none once it is over", async ({ expect }) => {
    const over = new AbortController();
    const { batcher, calls, add, sizes, turn } = create(over.signal);
    batcher.call();
    batcher.call();
    await turn();
    expect(sizes()).toEqual([0]);
    calls[0]?.end();
    await turn();
    over.abort();
    add(1);
    await turn();
    expect(sizes()).toEqual([0]);
  });
});
