/** How long to wait before trying again. */

/**
 * The wait after the `failures`th failure in a row (from 1), in milliseconds: doubles from `firstMs` to at most `capMs`,
 * less up to half at random, so that many clients do not return in the same moment. Pure but for `random`.
 */
export function backoffMs(
  failures: number,
  {
    firstMs,
    capMs,
    random = Math.random,
  }: { firstMs: number; capMs: number; random?: () => number },
): number {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(full * (1 - random() / 2));
}
