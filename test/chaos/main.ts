/**
 * `npm run chaos -- --minutes N --seed S [--rate N] [--every MS]`: runs chaos and prints the verdict. Exits with 0 only
 * if every invariant holds.
 */
import { parseArgs } from "node:util";
import { report } from "./report.ts";
import { runChaos } from "./run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
    rate: { type: "string", default: "20" },
    every: { type: "string", default: "1000" },
  },
});

const say = (line: string) => void process.stdout.write(`${line}\n`);
const outcome = await runChaos({
  seed: Number(values.seed),
  minutes: Number(values.minutes),
  perSecond: Number(values.rate),
  everyMs: Number(values.every),
  say,
});
say(report(outcome));
say(
  `Again with: npm run chaos -- --minutes ${values.minutes} --seed ${values.seed} --rate ${values.rate} --every ${values.every}`,
);
process.exitCode = outcome.holds ? 0 : 1;
