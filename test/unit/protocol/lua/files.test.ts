/** The .lua files as they are: `npm run lua` mends what is wrong here, or says what to do. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import luaparse from "luaparse";
import { expect, it } from "vitest";
import { assemble } from "../../../../protocol/lua/build/assemble.ts";
import { emit } from "../../../../protocol/lua/build/emit.ts";
import { problemsOf, readSources } from "../../../../protocol/lua/build/sources.ts";
import * as generated from "../../../../protocol/lua/generated.ts";

const root = resolve(import.meta.dirname, "../../../..");
const generatedText = readFileSync(join(root, "protocol/lua/generated.ts"), "utf8");
const sources = readSources();

it("are right, formatted, and what the generated module was made from", () => {
  expect(problemsOf(sources, generatedText)).toEqual([]);
});

it("make a stale module known when one changes", () => {
  const changed = sources.map((each) =>
    each.path === "shared/score.lua" ? { ...each, text: each.text.replace("%.1f", "%.2f") } : each,
  );
  expect(problemsOf(changed, generatedText)).toEqual(["generated.ts: is stale: npm run lua"]);
});

it("and one that is not formatted", () => {
  const changed = sources.map((each) =>
    each.path === "shared/score.lua" ? { ...each, text: `${each.text}\n\n` } : each,
  );
  expect(problemsOf(changed, generatedText)).toEqual([
    "shared/score.lua: is not formatted: npm run lua",
  ]);
});

it("are read back from the module as they were put together", () => {
  const { scripts } = assemble(sources);
  expect(Object.values(generated).map(({ name, lua }) => [name, lua])).toEqual(
    scripts.map(({ name, lua }) => [name, lua]),
  );
  expect(emit(scripts)).toBe(generatedText);
});

it("parse as Lua 5.1 once put together, without comments, globals that are ours, or functions nobody names", () => {
  for (const { name, lua } of Object.values(generated)) {
    const found = new Set<string>();
    const chunk = luaparse.parse(lua, {
      luaVersion: "5.1",
      comments: true,
      scope: true,
      onCreateNode: (node) => {
        if (node.type === "Identifier" && "isLocal" in node && node.isLocal === false)
          found.add(node.name);
      },
    });
    expect(chunk.comments, name).toEqual([]);
    expect("globals" in chunk && Array.isArray(chunk.globals), name).toBe(true);
    for (const [, declared = ""] of lua.matchAll(/^local function (\w+)/gm))
      expect(
        lua.match(new RegExp(`\\b${declared}\\b`, "g"))?.length,
        `${name}: ${declared}`,
      ).toBeGreaterThan(1);
  }
});

it("have one script for each file that defines one", () => {
  const defined = readdirSync(join(root, "protocol/scripts")).map((file) =>
    file.replace(".ts", ""),
  );
  expect(
    Object.values(generated)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(defined.sort());
});

it("leave it to one module how jobs wait, to one what scripts say, and to one what a record looks like", () => {
  const touching = (pattern: RegExp) =>
    sources
      .filter(({ text }) => pattern.test(text.replaceAll(/--.*$/gm, "")))
      .map(({ path }) => path);
  expect(touching(/\bbacklog\b/)).toEqual(["shared/backlog.lua"]);
  expect(touching(/dueInMs|leaseInMs|"(cancel|rejoin|joined|waiting)":/)).toEqual([
    "shared/messages.lua",
  ]);
  expect(touching(/" - "|%- %- %-/)).toEqual(["shared/record.lua"]);
});
