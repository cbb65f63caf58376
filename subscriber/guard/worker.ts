/**
 * The guard's thread. It sleeps until attempts run, then looks whenever a sign of life of the subscriber's event loop
 * would be overdue; if it is, it has `hold.ts` act until the event loop is free.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { GuardMessage, GuardSettings } from "./guard.ts";
import { createHolder } from "./hold.ts";
import { createTableReader } from "./table.ts";
import { guardMarginMs } from "./timing.ts";

/** A process that was stopped as a whole gets so long to show that its event loop runs, in milliseconds. */
const confirmMs = 50;

const settings = workerData as GuardSettings;
const table = createTableReader(settings.buffer, settings.size);
const margin = guardMarginMs(settings.config.timing);
const now = () => Number(process.hrtime.bigint()) / 1e6 - settings.originMs;
const holder = createHolder({
  config: settings.config,
  table,
  now,
  isBlocked,
  onEnded: (attempt) => {
    say({ kind: "ended", ...attempt });
  },
});

function say(message: GuardMessage): void {
  parentPort?.postMessage(message);
}

function isBlocked(): boolean {
  return now() > table.beatAt() + margin;
}

/** Whether there is nothing to look at: no beat is awaited, or nothing more can be done until the next one. */
function isIdle(): boolean {
  return table.beatAt() === Infinity || (isBlocked() && !holder.hasWork());
}

say({ kind: "ready" });
while (!table.isStopped()) {
  if (isIdle()) {
    table.sleep(isIdle);
  } else if (!isBlocked()) {
    table.wait(table.beatAt() + margin - now() + 1);
  } else {
    table.wait(Math.min(confirmMs, margin / 4));
    if (isBlocked()) await holder.hold();
  }
}
