/** Results by job id. A result may come before its caller asks: pub/sub can overtake an answer. */

/** A table in which callers wait for results by job id. */
export interface Arrivals {
  /** Resolves when the result of `id` has come, also if it came before. To be called once for each id. */
  of(id: string): Promise<void>;
  /** Notes that the result of `id` has come. */
  arrived(id: string): void;
}

/** Creates an empty table. */
export function createArrivals(): Arrivals {
  const waiting = new Map<string, () => void>();
  const early = new Set<string>();

  return {
    of(id) {
      if (early.delete(id)) return Promise.resolve();
      return new Promise((resolve) => waiting.set(id, resolve));
    },

    arrived(id) {
      const resolve = waiting.get(id);
      if (resolve === undefined) {
        early.add(id);
        return;
      }
      waiting.delete(id);
      resolve();
    },
  };
}
