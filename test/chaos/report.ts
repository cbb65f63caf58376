/** The verdict as a table. */
import type { Outcome } from "./run.ts";

const maxBreaks = 12;

export function report({ rows, holds, counts }: Outcome): string {
  const lines = rows.flatMap(({ what, figure, breaks }) => [
    `${breaks.length === 0 ? "holds " : "BROKEN"}  ${what.padEnd(46)} ${figure}`,
    ...breaks.slice(0, maxBreaks).map((each) => `          ${each}`),
    ...(breaks.length > maxBreaks ? [`          and ${breaks.length - maxBreaks} more`] : []),
  ]);
  const done = [...counts].sort().map(([what, count]) => `${what} ${count}`);
  return ["", ...lines, "", done.join(", "), holds ? "ALL HOLDS" : "BROKEN", ""].join("\n");
}
