/**
 * Shows results to the `onResult` hook: some concurrently, new ones for a few seconds, and none is waited for without end.
 * One that the hook refuses stops no other.
 */
import type { ResultMessage } from "../../protocol/wire/messages.ts";
import type { OnResult } from "../deps.ts";

/** How much of the hook one run takes. Times in milliseconds. */
export interface HookLimits {
  /** Calls under way at a time. */
  readonly concurrency: number;
  /** After this no further call is made: what is left is for another run. */
  readonly startWithinMs: number;
  /** After this the calls under way are given up. Below the 15 s for which a subscriber waits for the answer. */
  readonly endWithinMs: number;
}

/** Of one callback. A tick has several runs and gives each what is left of its time. */
export const callbackLimits: HookLimits = {
  concurrency: 10,
  startWithinMs: 4_000,
  endWithinMs: 12_000,
};

/** What became of one result. */
export type HookVerdict =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly reason: string; readonly error: unknown };

/** See `runHook`. */
export interface HookRun<Item> {
  readonly items: readonly Item[];
  readonly resultOf: (item: Item) => ResultMessage;
  readonly onResult: OnResult;
  readonly limits: HookLimits;
  /** Called once for each item that was shown, as soon as its verdict is known. Must not throw. */
  readonly onVerdict: (item: Item, verdict: HookVerdict) => void;
}

/**
 * Shows the items in their order, up to `concurrency` concurrently; the hook's own calls end in any order. Resolves when
 * every call that was made has a verdict, at the latest after `endWithinMs`. Never rejects.
 */
export async function runHook<Item>(run: HookRun<Item>): Promise<void> {
  const { items, limits, onVerdict } = run;
  const startedAt = performance.now();
  const late: HookVerdict = {
    kind: "refused",
    reason: `onResult took longer than ${Math.round(limits.endWithinMs / 1000)} s`,
    error: undefined,
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const isOver = new Promise<HookVerdict>((resolve) => {
    timer = setTimeout(() => {
      resolve(late);
    }, limits.endWithinMs);
  });
  let next = 0;
  const work = async (): Promise<void> => {
    while (performance.now() - startedAt < limits.startWithinMs) {
      const item = items[next++];
      if (item === undefined) return;
      onVerdict(item, await Promise.race([show(run, item), isOver]));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limits.concurrency, items.length) }, work));
  clearTimeout(timer);
}

async function show<Item>(
  { onResult, resultOf }: Pick<HookRun<Item>, "onResult" | "resultOf">,
  item: Item,
): Promise<HookVerdict> {
  try {
    await onResult(resultOf(item));
    return { kind: "done" };
  } catch (error) {
    return { kind: "refused", reason: `onResult threw: ${messageOf(error)}`, error };
  }
}

/** The hook is the user's and may throw anything, also what cannot be made into text. */
function messageOf(error: unknown): string {
  try {
    if (error instanceof Error) return error.message === "" ? error.name : error.message;
    if (typeof error !== "object" || error === null) return String(error);
    const { message } = error as { readonly message?: unknown };
    return typeof message === "string" ? message : JSON.stringify(error);
  } catch {
    return "something that cannot be shown";
  }
}
