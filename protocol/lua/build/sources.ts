/** The .lua files on the disk, and everything that can be wrong with them. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { assemble } from "./assemble.ts";
import { emit } from "./emit.ts";
import type { Source } from "./file.ts";
import { formatLua } from "./format.ts";

/** Where they are. */
export const luaFolder = resolve(import.meta.dirname, "..");

/** All .lua files, in the order of their paths. */
export function readSources(): readonly Source[] {
  return readdirSync(luaFolder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".lua"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(luaFolder, path), "utf8") }));
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
