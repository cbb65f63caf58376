/**
 * `npm run lua` formats the .lua files and writes the generated module; `npm run lua:check` changes nothing and fails
 * where either would change, or the files are wrong; `npm run --silent lua:print -- cancel` prints a script for
 * `redis-cli --eval`.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { assemble } from "./assemble.ts";
import { emit } from "./emit.ts";
import type { Source } from "./file.ts";
import { formatLua } from "./format.ts";

const folder = resolve(import.meta.dirname, "..");
const target = join(folder, "generated.ts");

/** All .lua files, in the order of their paths. */
export function readSources(): readonly Source[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".lua"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), "utf8") }));
}

/** Everything that is wrong with `sources`, or differs from what would be written. */
export function problemsOf(sources: readonly Source[], generated: string): readonly string[] {
  const { scripts, problems } = assemble(sources);
  if (problems.length > 0) return problems;
  const crooked = sources.filter(({ text }) => formatLua(text) !== text);
  return [
    ...crooked.map(({ path }) => `${path}: is not formatted: npm run lua`),
    ...(emit(scripts) === generated ? [] : ["generated.ts: is stale: npm run lua"]),
  ];
}

function write(): readonly string[] {
  for (const { path, text } of readSources()) {
    const formatted = formatLua(text);
    if (formatted !== text) writeFileSync(join(folder, path), formatted);
  }
  const { scripts, problems } = assemble(readSources());
  if (problems.length === 0) writeFileSync(target, emit(scripts));
  return problems;
}

function print(name: string): readonly string[] {
  const { scripts, problems } = assemble(readSources());
  const script = scripts.find((each) => each.name === name);
  if (script === undefined) return [`${name}: no such script`];
  process.stdout.write(`${script.lua}\n`);
  return problems;
}

if (import.meta.main) {
  const [command = "write", name = ""] = process.argv.slice(2);
  let problems: readonly string[];
  if (command === "print") problems = print(name);
  else if (command === "check") problems = problemsOf(readSources(), readFileSync(target, "utf8"));
  else problems = write();
  for (const problem of problems) process.stderr.write(`protocol/lua/${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
}
