/**
 * `npm run bench -- [name …] [--rounds N] [--short] [--out folder]`: runs the named benches, or all; prints the table and
 * writes `results.json` and `results.svg`. Exits with 1 only if a bench could not be run: a missed target is a
 * finding, not a failure.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benches } from "./benches.ts";
import { chartOf } from "./chart.ts";
import { finishedWhen } from "./contender.ts";
import { describeMachine } from "./machine.ts";
import { createRounds } from "./rounds.ts";
import { judge, type Row } from "./row.ts";
import { tableOf } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    short: { type: "boolean", default: false },
    out: { type: "string", default: ".signalbox/bench" },
  },
});

const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0) {
  const known = benches.map(({ name }) => name).join(", ");
  process.stderr.write(`No bench is named ${unknown.join(", ")}. There are: ${known}.\n`);
  process.exit(2);
}

// A signal ends a process without an exit event unless it is handled; the children would stay.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const say = (line: string) => void process.stderr.write(`${line}\n`);
const startedAt = performance.now();
const machine = await describeMachine();
const rounds = createRounds(Number(values.rounds), say);
const rows: Row[] = [];
const tookSeconds = () => Math.round((performance.now() - startedAt) / 1_000);

/** Called after each bench, so that an interrupted run keeps its results. */
async function write(): Promise<void> {
  const results = {
    at: new Date().toISOString(),
    tookSeconds: tookSeconds(),
    rounds: rounds.count,
    loadAverage: loadavg(),
    machine,
    finishedWhen,
    rows: rows.map((row) => ({ ...row, verdicts: judge(row) })),
  };
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, "results.json"), `${JSON.stringify(results, undefined, 1)}\n`);
  await writeFile(join(values.out, "results.svg"), chartOf(rows));
}

for (const bench of benches) {
  if (positionals.length > 0 && !positionals.includes(bench.name)) continue;
  say(`— ${bench.name}`);
  rows.push(...(await bench.run({ rounds, isShort: values.short, say })));
  await write();
}
process.stdout.write(`${tableOf(rows)}\n`);
const verdicts = rows.flatMap(judge);
const met = verdicts.filter(({ isMet }) => isMet).length;
process.stdout.write(
  `${met} of ${verdicts.length} targets met; ${rounds.count} rounds, ${tookSeconds()} s; ` +
    `written to ${values.out}\n`,
);
