/** The calls of a producer that wait for the end of a job. */
import type { ResultMessage } from "../protocol/wire/messages.ts";

/** One call that waits. */
export interface Waiter {
  readonly queue: string;
  readonly id: string;
  readonly resolve: (result: ResultMessage) => void;
}

/** See `createWaiters`. */
export interface Waiters {
  /** Whether no call waits. */
  readonly isEmpty: boolean;
  add(waiter: Waiter): void;
  /** Takes a call out that waits no more. Repeat-safe. */
  remove(waiter: Waiter): void;
  /** Resolves the calls that wait for these results, and takes them out. */
  settle(results: readonly ResultMessage[]): void;
  /** The jobs that are waited for, each once. */
  jobs(): readonly Pick<Waiter, "queue" | "id">[];
}

/** Creates the table. */
export function createWaiters(): Waiters {
  /** By job id; ids of different queues may be equal. Each list is emptied when it is removed: see `attempts.ts`. */
  const table = new Map<string, Waiter[]>();

  return {
    get isEmpty() {
      return table.size === 0;
    },
    add(waiter) {
      const others = table.get(waiter.id);
      if (others === undefined) table.set(waiter.id, [waiter]);
      else others.push(waiter);
    },
    remove(waiter) {
      const waiters = table.get(waiter.id);
      const index = waiters?.indexOf(waiter) ?? -1;
      if (waiters === undefined || index < 0) return;
      waiters.splice(index, 1);
      if (waiters.length === 0) table.delete(waiter.id);
    },
    settle(results) {
      for (const result of results) {
        const waiters = table.get(result.id);
        if (waiters === undefined) continue;
        const others = waiters.filter(({ queue }) => queue !== result.queue);
        const told = waiters.splice(0).filter(({ queue }) => queue === result.queue);
        if (others.length === 0) table.delete(result.id);
        else waiters.push(...others);
        for (const { resolve } of told) resolve(result);
      }
    },
    jobs() {
      return [...table.values()].flatMap((waiters) => {
        const queues = new Map(waiters.map((waiter) => [waiter.queue, waiter]));
        return [...queues.values()];
      });
    },
  };
}
