/**
 * The signals that end the stack. The first asks for a good end, a later one for an end now. What
 * arrives right after the first is the same key press: npm passes a Ctrl-C on that the terminal
 * has sent to everybody already.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** The one thing wanted of a process here. */
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
 * Resolves when the process that started this one is gone, which nobody tells us: npm hands a
 * SIGTERM to its shell only, and a SIGKILL to nobody.
 */
export async function parentGone(
  child: Pick<NodeJS.Process, "ppid">,
  wait: () => Promise<unknown> = () => sleep(PARENT_INTERVAL_MS, undefined, { ref: false }),
): Promise<void> {
  const parent = child.ppid;
  while (child.ppid === parent) await wait();
}

/** @param force Called for every signal that means "now". */
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
