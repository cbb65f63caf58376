/**
 * Runs the parts of a check concurrently, one for each core, and says how long each took:
 * `node test/checks.ts types | check | fast`. The output of a part is shown when it ends. Exits with 1 if one fails.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";

const root = `${import.meta.dirname}/..`;
const caches = ".cache";

/** Each with its own libraries and globals, which is how `protocol`, `functions` and `client` stay free of Node. */
const projects = [".", "functions", "test/worker", "protocol", "client"];

const types = projects.map((project) => {
  const info = `${caches}/${project.replaceAll(/\W/g, "-")}.tsbuildinfo`;
  return `tsc -p ${project} --incremental --tsBuildInfoFile ${info}`;
});
const luaCheck = "node protocol/lua/build/main.ts check";
const format = `prettier --check . --cache --cache-location ${caches}/prettier`;
/** Without the files that have not changed: a rule that follows a type into them is left to `npm run check`. */
const changedLint = `eslint . --cache --cache-strategy content --cache-location ${caches}/eslint`;

/** The longest first, so that the cores end at about the same time. */
const groups: Readonly<Record<string, readonly string[]>> = {
  types,
  check: ["eslint .", ...types, format, luaCheck],
  fast: [
    changedLint,
    ...types,
    luaCheck,
    "vitest run --project unit",
    "vitest run --project worker",
  ],
};

async function run(command: string): Promise<boolean> {
  const startedAt = performance.now();
  const [program = "", ...args] = command.split(" ");
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const take = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const [code] = (await once(child, "close")) as [number | null];
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`${output}${code === 0 ? "ok" : "FAILED"}  ${seconds} s  ${command}\n`);
  return code === 0;
}

async function runAll(commands: readonly string[]): Promise<boolean> {
  const waiting = [...commands];
  let isGood = true;
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      isGood = (await run(next)) && isGood;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return isGood;
}

const [name = ""] = process.argv.slice(2);
const commands = groups[name];
if (commands === undefined)
  throw new Error(`expected one of ${Object.keys(groups).join(", ")}, got "${name}"`);
mkdirSync(`${root}/${caches}`, { recursive: true });
process.exitCode = (await runAll(commands)) ? 0 : 1;
