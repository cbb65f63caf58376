/**
 * The signals that end the stack. The first one ends it gracefully, a later one immediately. A signal
 * right after the first is the same key press: npm forwards a Ctrl-C that the terminal has already
 * sent to all processes.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** The part of a process that is used here. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
}

export interface Interrupts {
  /** Resolves with the first signal. */
  readonly first: Promise<NodeJS.Signals>;
}

const PARENT_INTERVAL_MS = 500;
const SAME_KEY_PRESS_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Resolves when the process that started this one is gone. No signal tells of it: npm forwards a
 * SIGTERM only to its shell, and a SIGKILL cannot be forwarded.
 */
export async function parentGone(
  child: Pick<NodeJS.Process, "ppid">,
  wait: () => Promise<unknown> = () => sleep(PARENT_INTERVAL_MS, undefined, { ref: false }),
): Promise<void> {
  const parent = child.ppid;
  while (child.ppid === parent) await wait();
}

/** @param force called for every signal after the first */
export function watchInterrupts(
  source: SignalSource,
  force: (signal: NodeJS.Signals) => void,
  now: () => number = performance.now.bind(performance),
): Interrupts {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let firstMs: number | undefined;
  for (const signal of SIGNALS) {
    source.on(signal, () => {
      if (firstMs === undefined) {
        firstMs = now();
        resolve(signal);
      } else if (now() - firstMs > SAME_KEY_PRESS_MS) {
        force(signal);
      }
    });
  }
  return { first: promise };
}
