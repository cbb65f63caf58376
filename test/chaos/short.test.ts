/** A chaos run of about a minute with a fixed seed; `npm run chaos` takes any length and seed. */
import { test } from "vitest";
import { report } from "./report.ts";
import { runChaos } from "./run.ts";

const seed = 309;
const minutes = 0.4;

test(`holds under faults: npm run chaos -- --minutes ${minutes} --seed ${seed}`, async ({
  expect,
}) => {
  const lines: string[] = [];
  const outcome = await runChaos({ seed, minutes, say: (line) => lines.push(line) });
  // Shown only on failure.
  if (!outcome.holds) process.stdout.write(`${lines.join("\n")}\n`);
  process.stdout.write(report(outcome));
  const broken = outcome.rows.filter(({ breaks }) => breaks.length > 0);
  expect(broken).toEqual([]);
});
