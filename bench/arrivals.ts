/** Results by job id. A result may come before its caller asks: pub/sub can overtake an answer. */

/** See `createArrivals`. */
export type Arrivals = ReturnType<typeof createArrivals>;

/** Creates the table. */
export function createArrivals() {
  const waiting = new Map<string, () => void>();
  const early = new Set<string>();

  return {
    /** Resolves when the result of `id` has come. Once for each id. */
    of(id: string): Promise<void> {
      if (early.delete(id)) return Promise.resolve();
      return new Promise((resolve) => waiting.set(id, resolve));
    },

    /** The result of `id` has come. */
    arrived(id: string): void {
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
