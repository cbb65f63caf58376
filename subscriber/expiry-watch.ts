/**
 * Gives out again what other subscribers' deaths leave behind, without polling: one timer for the
 * next lease end, armed by our own starts and by what each look answers. Idle, there is no timer.
 */
import { SignalboxError } from "../protocol/error.ts";
import type { Ledger, Timing } from "../protocol/ledger.ts";
import type { SubscriberEvents } from "./events.ts";

/** Creates the watch of `queues`. */
export function createExpiryWatch(options: {
  readonly ledger: Pick<Ledger, "expire">;
  readonly queues: readonly string[];
  readonly timing: Timing;
  readonly events: SubscriberEvents;
}) {
  const { ledger, queues, timing, events } = options;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    timer = undefined;
    try {
      const looks = await ledger.expire(queues, 100);
      const waits = looks.flatMap(({ value }) => value.nextInMs ?? []);
      if (waits.length > 0) arm(Math.min(...waits) + 50);
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      events.emit("redis:failed", { during: "expire", error, retryInMs: timing.unheardMs });
      arm(timing.unheardMs);
    }
  }

  function arm(inMs: number): void {
    timer ??= setTimeout(() => void look(), inMs);
  }

  return {
    /** A lease has begun: look when it could end. */
    started(): void {
      arm(timing.unheardMs);
    },
    stop(): void {
      clearTimeout(timer);
    },
  };
}
