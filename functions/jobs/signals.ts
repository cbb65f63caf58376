/** Where several listeners leave word for one who handles it. The same word twice is one. */
export interface Signals<Word> {
  readonly put: (word: Word) => void;
  /** Resolves to what has been left since the last time, as soon as there is something. */
  readonly take: () => Promise<ReadonlySet<Word>>;
}

/** Creates an empty mailbox. */
export function createSignals<Word>(): Signals<Word> {
  let left = new Set<Word>();
  let wake: () => void = () => undefined;
  return {
    put(word) {
      left.add(word);
      wake();
    },
    async take() {
      while (left.size === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const taken = left;
      left = new Set();
      return taken;
    },
  };
}
