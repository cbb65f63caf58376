/**
 * Fires the function's cron entry point at second 0 of every minute, which the platform does and
 * `wrangler dev` does not.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Part } from "./supervisor.ts";

const MINUTE_MS = 60_000;
/** The only cron trigger of the deployed function. */
const CRON = "* * * * *";
const TICK_TIMEOUT_MS = 55_000;

export interface ClockOptions {
  /** Runs one tick; `signal` aborts when the clock is stopped or the tick takes too long. */
  readonly fire: (scheduledMs: number, signal: AbortSignal) => Promise<void>;
  readonly report: (line: string) => void;
  readonly now?: () => number;
  /** Rejects when `signal` aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export function startClock(options: ClockOptions): Part {
  const { fire, report, now = Date.now, wait = waitReally } = options;
  const stopping = new AbortController();
  const ticks = new Set<Promise<void>>();

  async function run(): Promise<void> {
    let scheduledMs = now();
    while (!stopping.signal.aborted) {
      // From the later of the two: a timer that fires early must not repeat its minute, and a machine
      // that slept through some minutes must not run them all.
      scheduledMs = nextMinute(Math.max(now(), scheduledMs));
      await wait(scheduledMs - now(), stopping.signal);
      const tick = attempt(scheduledMs).finally(() => ticks.delete(tick));
      ticks.add(tick);
    }
  }

  async function attempt(scheduledMs: number): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(TICK_TIMEOUT_MS)]);
    try {
      await fire(scheduledMs, signal);
    } catch (error) {
      if (stopping.signal.aborted) return;
      report(`The tick failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  const running = run().catch((error: unknown) => {
    if (!stopping.signal.aborted) report(`The clock stopped: ${String(error)}`);
  });
  return {
    name: "clock",
    stop: async () => {
      stopping.abort();
      await running;
      await Promise.all(ticks);
    },
  };
}

/** The next full minute after `timeMs`. */
export function nextMinute(timeMs: number): number {
  return (Math.floor(timeMs / MINUTE_MS) + 1) * MINUTE_MS;
}

/** Calls the cron entry point that `wrangler dev` serves under the function's URL. */
export async function fireCron(
  functionUrl: string,
  scheduledMs: number,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL("/cdn-cgi/local/scheduled", functionUrl);
  url.search = new URLSearchParams({ cron: CRON, time: String(scheduledMs) }).toString();
  const response = await fetch(url, { signal });
  const outcome = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${outcome.slice(0, 200)}`);
}

async function waitReally(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}
