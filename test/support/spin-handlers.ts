/** Handlers that hold the event loop of a subscriber process, from their start or from later on. */
// eslint-disable-next-line no-restricted-imports -- these handlers take time; no test waits by it
import { setTimeout as pause } from "node:timers/promises";
import type { RunContext } from "../../protocol/wire/catalog.ts";
import type { Json } from "../../protocol/wire/json.ts";

interface SpinPayload {
  readonly ms: number;
  /** What comes before: nothing, a microtask, or a wait of so many milliseconds. @default nothing */
  readonly after?: "microtask" | number;
}

function hold(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export const handlers = {
  echo: (payload: Json): Json => payload,

  spin: ({ ms, after }: SpinPayload, { attempt }: RunContext): Json | Promise<Json> => {
    const run = (): Json => {
      hold(ms);
      return { attempt };
    };
    if (after === undefined) return run();
    return after === "microtask" ? Promise.resolve().then(run) : pause(after).then(run);
  },

  /** Runs for a time without holding the event loop. */
  rest: async ({ ms }: { readonly ms: number }): Promise<Json> => {
    await pause(ms);
    return null;
  },
};
