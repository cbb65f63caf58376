/**
 * `npm run lua` formats the .lua files and writes the generated module; `npm run lua:check` changes nothing and fails
 * where either would change, or the files are wrong; `npm run --silent lua:print -- cancel` prints a script for
 * `redis-cli --eval`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assemble } from "./assemble.ts";
import { emit } from "./emit.ts";
import { formatLua } from "./format.ts";
import { luaFolder, problemsOf, readSources } from "./sources.ts";

const target = join(luaFolder, "generated.ts");

function write(): readonly string[] {
  for (const { path, text } of readSources()) {
    const formatted = formatLua(text);
    if (formatted !== text) writeFileSync(join(luaFolder, path), formatted);
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

const [command = "write", name = ""] = process.argv.slice(2);
let problems: readonly string[];
if (command === "print") problems = print(name);
else if (command === "check") problems = problemsOf(readSources(), readFileSync(target, "utf8"));
else problems = write();
for (const problem of problems) process.stderr.write(`protocol/lua/${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
