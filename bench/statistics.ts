/** Medians and quantiles, and the format of figures. */

/** The value below which the share `q` (0 to 1) of all values lie. @throws Error if there are none */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)];
  const high = sorted[Math.ceil(place)];
  if (low === undefined || high === undefined) throw new Error("expected at least one value");
  return low + (high - low) * (place - Math.floor(place));
}

/** The median. @throws Error if there are no values */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** A figure as people read it: three digits, thousands separated. */
export function readable(value: number): string {
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(size >= 1 || size === 0 ? 2 : 3);
}
