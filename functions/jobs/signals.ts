/** Signals from several listeners to one handler. A word that is put twice before it is taken counts once. */
export interface Signals<Word> {
  readonly put: (word: Word) => void;
  /** Resolves to the words put since the last call, as soon as there is one. */
  readonly take: () => Promise<ReadonlySet<Word>>;
}

/** Creates signals; none is put yet. */
export function createSignals<Word>(): Signals<Word> {
  let left = new Set<Word>();
  let notify: () => void = () => undefined;
  return {
    put(word) {
      left.add(word);
      notify();
    },
    async take() {
      while (left.size === 0) {
        await new Promise<void>((resolve) => {
          notify = resolve;
        });
      }
      const taken = left;
      left = new Set();
      return taken;
    },
  };
}
