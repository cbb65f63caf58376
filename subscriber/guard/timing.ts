/** How often the event loop shows a sign of life while jobs run, and from when on it counts as blocked. */
import type { Timing } from "../../protocol/ledger/binding.ts";

/** In milliseconds: the longest time between two signs of life, which is also when a delivery is first acknowledged. */
export function beatMs({ unacknowledgedMs }: Timing): number {
  return unacknowledgedMs / 40;
}

/**
 * How late a sign of life may be, in milliseconds, before the guard acts. A tenth of the shorter lease: more than a
 * handler should compute at a stretch, and early enough for an attempt to be acknowledged before it takes its process
 * down.
 */
export function guardMarginMs({ unacknowledgedMs, leaseMs }: Timing): number {
  return Math.min(unacknowledgedMs, leaseMs) / 10;
}

/** How late it may be before that is reported: a quarter, since a busy machine is late as well. */
export function reportMarginMs({ unacknowledgedMs, leaseMs }: Timing): number {
  return Math.min(unacknowledgedMs, leaseMs) / 4;
}
