/** Runs every bench with a few jobs, so that each keeps working. The figures mean nothing; they only have to exist. */
import { expect, test } from "vitest";
import { benches } from "../../bench/benches.ts";
import { chartOf } from "../../bench/chart.ts";
import { createRounds } from "../../bench/rounds.ts";
import { tableOf } from "../../bench/table.ts";

const rounds = createRounds(1, () => undefined);

test.for(benches)("$name gives a figure for everybody who takes part", async ({ run }) => {
  const rows = await run({ rounds, isShort: true, say: () => undefined });
  expect(rows.length).toBeGreaterThan(0);
  for (const { label, values } of rows) {
    const figures = Object.values(values).flat();
    expect(figures.length, label).toBeGreaterThanOrEqual(Object.keys(values).length);
    expect(figures.filter(Number.isFinite), label).toEqual(figures);
  }
  expect(tableOf(rows)).toContain(rows[0]?.label);
  expect(chartOf(rows)).toMatch(/^<svg [^]*<\/svg>\n$/);
});
